package triggerstream.peers;

import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.FilterFunction;
import org.apache.flink.cep.CEP;
import org.apache.flink.cep.functions.PatternProcessFunction;
import org.apache.flink.cep.nfa.aftermatch.AfterMatchSkipStrategy;
import org.apache.flink.cep.pattern.Pattern;
import org.apache.flink.cep.pattern.conditions.SimpleCondition;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.util.Collector;
import triggerstream.peers.Triggers.Trigger;
import java.time.Duration;

/**
 * The sequences as patterns of Flink CEP, one operator each.
 *
 * Of the contiguities, {@code followedBy} is the cheapest that completes at the same events as a
 * sequence of triggerstream: some choice of events satisfies it there, and the first B after an A,
 * then the first C after that B, complete no later than any other choice. Skipping past the last
 * event discards all progress at a match, as there.
 */
final class Patterns {
    private Patterns() {}

    static DataStream<String> over(
            DataStream<Event> events, Triggers triggers, boolean filtered, boolean tuned) {
        DataStream<String> firings = null;
        for (Trigger trigger : triggers.all) {
            DataStream<Event> seen = filtered ? events.filter(new OfTypes(trigger.types())) : events;
            DataStream<String> found = CEP
                    .pattern(Job.keyed(seen, tuned), pattern(trigger))
                    .process(new Complete(trigger));
            firings = firings == null ? found : firings.union(found);
        }
        return firings;
    }

    private static Pattern<Event, ?> pattern(Trigger trigger) {
        int[] types = trigger.types();
        Pattern<Event, Event> pattern = Pattern
                .<Event>begin("0", AfterMatchSkipStrategy.skipPastLastEvent())
                .where(SimpleCondition.of(new OfTypes(new int[] {types[0]})));
        for (int step = 1; step < types.length; step++) {
            pattern = pattern
                    .followedBy(Integer.toString(step))
                    .where(SimpleCondition.of(new OfTypes(new int[] {types[step]})));
        }
        return pattern.within(Duration.ofMillis(trigger.window()));
    }

    /** Lets events of some types pass. */
    private record OfTypes(int[] types) implements FilterFunction<Event> {
        @Override
        public boolean filter(Event event) {
            for (int type : types) {
                if (event.type == type) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Tells a match by its last event. */
    private static class Complete extends PatternProcessFunction<Event, String> {
        private final Trigger trigger;

        Complete(Trigger trigger) {
            this.trigger = trigger;
        }

        @Override
        public void processMatch(
                Map<String, List<Event>> match, Context context, Collector<String> out) {
            Event last = match.get(Integer.toString(trigger.types().length - 1)).get(0);
            out.collect(Firing.json(trigger.id(), last.customer, last.id, last.at));
        }
    }
}
