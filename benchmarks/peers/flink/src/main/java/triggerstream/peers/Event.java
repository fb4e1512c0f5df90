package triggerstream.peers;

/** What the triggers look at of one event: a POJO, so that Flink serialises it without Kryo. */
public class Event {
    public String id;
    public String customer;
    /** The event type's place in {@link Triggers#types}; -1 for one that no trigger looks at. */
    public int type;
    public long at;
    public long amount;
}
