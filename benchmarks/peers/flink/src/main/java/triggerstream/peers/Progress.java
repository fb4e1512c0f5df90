package triggerstream.peers;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What is remembered of one customer: per trigger a few longs, and the ids of the events that
 * opened waits. One value a customer, so that an event costs one read and at most one write.
 */
public class Progress {
    /** For each slot with progress: the counted times; or the first times at steps 1 and 2. */
    final Map<Integer, long[]> times = new HashMap<>();
    /** For each slot with an open wait: when it is due. */
    final Map<Integer, Wait> waits = new HashMap<>();
    /** The time of the timer that is registered; 0 for none. */
    long timer;

    record Wait(long due, String event) {}

    /** The earliest due time; {@code Long.MAX_VALUE} where nothing waits. */
    long due() {
        long due = Long.MAX_VALUE;
        for (Wait wait : waits.values()) {
            due = Math.min(due, wait.due);
        }
        return due;
    }

    /** Writes it as compactly as its numbers allow. */
    public static class Serializer extends TypeSerializerSingleton<Progress> {
        static final Serializer INSTANCE = new Serializer();

        @Override
        public void serialize(Progress value, DataOutputView out) throws IOException {
            out.writeLong(value.timer);
            out.writeShort(value.times.size());
            for (Map.Entry<Integer, long[]> entry : value.times.entrySet()) {
                out.writeShort(entry.getKey());
                out.writeShort(entry.getValue().length);
                for (long time : entry.getValue()) {
                    out.writeLong(time);
                }
            }
            out.writeShort(value.waits.size());
            for (Map.Entry<Integer, Wait> entry : value.waits.entrySet()) {
                out.writeShort(entry.getKey());
                out.writeLong(entry.getValue().due);
                out.writeUTF(entry.getValue().event);
            }
        }

        @Override
        public Progress deserialize(DataInputView in) throws IOException {
            Progress value = new Progress();
            value.timer = in.readLong();
            for (int left = in.readShort(); left > 0; left--) {
                int slot = in.readShort();
                long[] times = new long[in.readShort()];
                for (int place = 0; place < times.length; place++) {
                    times[place] = in.readLong();
                }
                value.times.put(slot, times);
            }
            for (int left = in.readShort(); left > 0; left--) {
                int slot = in.readShort();
                long due = in.readLong();
                value.waits.put(slot, new Wait(due, in.readUTF()));
            }
            return value;
        }

        @Override
        public Progress deserialize(Progress reuse, DataInputView in) throws IOException {
            return deserialize(in);
        }

        /** The arrays and waits are replaced, never changed in place, so the maps are enough. */
        @Override
        public Progress copy(Progress from) {
            Progress copy = new Progress();
            copy.times.putAll(from.times);
            copy.waits.putAll(from.waits);
            copy.timer = from.timer;
            return copy;
        }

        @Override
        public Progress copy(Progress from, Progress reuse) {
            return copy(from);
        }

        @Override
        public void copy(DataInputView in, DataOutputView out) throws IOException {
            serialize(deserialize(in), out);
        }

        @Override
        public Progress createInstance() {
            return new Progress();
        }

        @Override
        public boolean isImmutableType() {
            return false;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public TypeSerializerSnapshot<Progress> snapshotConfiguration() {
            return new Snapshot();
        }
    }

    /** Flink keeps it beside a checkpoint, to know what wrote it. */
    public static class Snapshot extends SimpleTypeSerializerSnapshot<Progress> {
        public Snapshot() {
            super(() -> Serializer.INSTANCE);
        }
    }
}
