package triggerstream.peers;

/** A firing as JSON. The ids of triggers, customers and events need no escapes here. */
final class Firing {
    private Firing() {}

    static String json(String trigger, String customer, String event, long at) {
        return "{\"trigger\":\"" + trigger + "\",\"customer_id\":\"" + customer
                + "\",\"event_id\":\"" + event + "\",\"at\":" + at + "}";
    }
}
