package triggerstream.peers;

import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import triggerstream.peers.Progress.Wait;
import triggerstream.peers.Triggers.Look;
import triggerstream.peers.Triggers.Trigger;

/**
 * All triggers in one keyed function, by hand: what an event's type does not concern costs nothing,
 * state is written only where it has changed, and a customer has one timer, not one a wait.
 */
public class Detect extends KeyedProcessFunction<String, Event, String> {
    private final Triggers triggers;
    private transient Look[][] byType;
    private transient ValueState<Progress> state;

    public Detect(Triggers triggers) {
        this.triggers = triggers;
    }

    @Override
    public void open(OpenContext context) {
        byType = triggers.byType();
        state = getRuntimeContext()
                .getState(new ValueStateDescriptor<>("progress", Progress.Serializer.INSTANCE));
    }

    @Override
    public void processElement(Event event, Context context, Collector<String> out)
            throws Exception {
        // A late event is one behind the watermark, as everywhere in Flink.
        if (event.at <= context.timerService().currentWatermark()) {
            return;
        }
        Progress progress = state.value();
        if (progress == null) {
            progress = new Progress();
        }
        // What was due by now comes first, even where the watermark is behind this customer.
        boolean changed = fireDue(progress, event.customer, event.at, out);
        if (event.type >= 0) {
            for (Look look : byType[event.type]) {
                changed |= look(look, progress, event, out);
            }
        }
        if (!progress.waits.isEmpty()) {
            changed |= registerTimer(progress, context);
        }
        if (changed) {
            state.update(progress);
        }
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<String> out)
            throws Exception {
        Progress progress = state.value();
        progress.timer = 0;
        fireDue(progress, context.getCurrentKey(), time, out);
        registerTimer(progress, context);
        state.update(progress);
    }

    private static boolean registerTimer(Progress progress, Context context) {
        if (progress.timer != 0) {
            return false;  // what opened later is due later: the timer that is there finds it
        }
        long due = progress.due();
        if (due == Long.MAX_VALUE) {
            return false;
        }
        context.timerService().registerEventTimeTimer(due);
        progress.timer = due;
        return true;
    }

    private boolean fireDue(Progress progress, String customer, long now, Collector<String> out) {
        boolean changed = false;
        Iterator<Map.Entry<Integer, Wait>> waits = progress.waits.entrySet().iterator();
        while (waits.hasNext()) {
            Map.Entry<Integer, Wait> entry = waits.next();
            Wait wait = entry.getValue();
            if (wait.due() <= now) {
                waits.remove();
                String id = triggers.all.get(entry.getKey()).id();
                out.collect(Firing.json(id, customer, wait.event(), wait.due()));
                changed = true;
            }
        }
        return changed;
    }

    /** Returns whether the event changed what is remembered for the trigger. */
    private static boolean look(Look look, Progress progress, Event event, Collector<String> out) {
        return switch (look.trigger().kind()) {
            case EVENT -> {
                if (event.amount > look.trigger().number()) {
                    fire(look.trigger(), event, out);
                }
                yield false;
            }
            case COUNT -> count(look, progress, event, out);
            case SEQUENCE -> follow(look, progress, event, out);
            case ABSENCE -> await(look, progress, event);
        };
    }

    private static boolean count(Look look, Progress progress, Event event, Collector<String> out) {
        long[] before = progress.times.get(look.slot());
        int held = before == null ? 0 : before.length;
        int first = 0;
        while (first < held && before[first] <= event.at - look.trigger().window()) {
            first++;
        }
        if (held - first + 1 >= look.trigger().number()) {
            progress.times.remove(look.slot());
            fire(look.trigger(), event, out);
            return true;
        }
        long[] after = new long[held - first + 1];
        if (before != null) {
            System.arraycopy(before, first, after, 0, held - first);
        }
        after[held - first] = event.at;
        progress.times.put(look.slot(), after);
        return true;
    }

    /** The newest partial match at each step is enough: it expires last. */
    private static boolean follow(
            Look look, Progress progress, Event event, Collector<String> out) {
        int steps = look.trigger().types().length;
        long[] before = progress.times.get(look.slot());
        long first = event.at;
        if (look.step() > 0) {
            if (before == null || before[look.step() - 1] == 0) {
                return false;
            }
            first = before[look.step() - 1];
            if (event.at >= first + look.trigger().window()) {
                return false;
            }
        }
        if (look.step() == steps - 1) {
            progress.times.remove(look.slot());
            fire(look.trigger(), event, out);
            return true;
        }
        long[] after = before == null ? new long[steps - 1] : Arrays.copyOf(before, steps - 1);
        after[look.step()] = first;
        progress.times.put(look.slot(), after);
        return true;
    }

    private static boolean await(Look look, Progress progress, Event event) {
        if (look.step() == 1) {
            return progress.waits.remove(look.slot()) != null;
        }
        Wait wait = new Wait(event.at + look.trigger().window(), event.id);
        return progress.waits.putIfAbsent(look.slot(), wait) == null;
    }

    private static void fire(Trigger trigger, Event event, Collector<String> out) {
        out.collect(Firing.json(trigger.id(), event.customer, event.id, event.at));
    }
}
