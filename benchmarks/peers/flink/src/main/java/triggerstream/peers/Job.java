package triggerstream.peers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * One job: {@code keyed|cep|cep-filtered BOOTSTRAP TOPIC FIRINGS GROUP TRIGGERS BACKEND DIRECTORY
 * INTERVAL tuned|plain}, the interval in milliseconds between two checkpoints.
 *
 * It runs in this process, with one task slot: all that it takes is this process's CPU.
 *
 * Tuned, it uses what Flink documents for jobs like this one: the stream is taken as keyed already,
 * which with one slot it is, so that all operators are one task and no event is serialised between
 * them (DataStreamUtils.reinterpretAsKeyedStream); timers are on the heap; RocksDB has memory for
 * all states, and filters; fetches are larger.
 */
public final class Job {
    /** As far as triggerstream lets an event be behind its customer's last one. */
    private static final Duration OUT_OF_ORDER = Duration.ofSeconds(10);

    private Job() {}

    public static void main(String[] args) throws Exception {
        String kind = args[0];
        String bootstrap = args[1];
        Triggers triggers = Triggers.read(Path.of(args[5]));
        StreamExecutionEnvironment environment =
                StreamExecutionEnvironment.getExecutionEnvironment(
                        settings(args[6], args[7], args[9].equals("tuned")));
        environment.setParallelism(1);
        environment.getConfig().enableObjectReuse();
        environment.enableCheckpointing(Long.parseLong(args[8]));
        boolean tuned = args[9].equals("tuned");
        KafkaSource<Event> source = KafkaSource.<Event>builder()
                .setBootstrapServers(bootstrap)
                .setTopics(args[2])
                .setGroupId(args[4])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setValueOnlyDeserializer(new EventReader(triggers.types))
                .setProperties(fetching(tuned))
                .build();
        WatermarkStrategy<Event> watermarks = WatermarkStrategy
                .<Event>forBoundedOutOfOrderness(OUT_OF_ORDER)
                .withTimestampAssigner((event, appended) -> event.at);
        DataStream<Event> events = environment.fromSource(source, watermarks, "events");
        DataStream<String> firings = switch (kind) {
            case "keyed" -> keyed(events, tuned).process(new Detect(triggers));
            case "cep" -> Patterns.over(events, triggers, false, tuned);
            case "cep-filtered" -> Patterns.over(events, triggers, true, tuned);
            default -> throw new IllegalArgumentException(
                    "a job is required: keyed, cep or cep-filtered; found " + kind);
        };
        firings.sinkTo(KafkaSink.<String>builder()
                .setBootstrapServers(bootstrap)
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder()
                        .setTopic(args[3])
                        .setValueSerializationSchema(new SimpleStringSchema())
                        .build())
                .build());
        environment.execute(kind);
    }

    /** Returns the events by customer; with one slot they are all where they belong. */
    static KeyedStream<Event, String> keyed(DataStream<Event> events, boolean tuned) {
        return tuned
                ? DataStreamUtils.reinterpretAsKeyedStream(
                        events, event -> event.customer, Types.STRING)
                : events.keyBy(event -> event.customer);
    }

    private static Properties fetching(boolean tuned) {
        Properties fetching = new Properties();
        if (tuned) {
            fetching.setProperty("fetch.min.bytes", "65536");
            fetching.setProperty("fetch.max.wait.ms", "100");
            fetching.setProperty("max.poll.records", "5000");
        }
        return fetching;
    }

    private static Configuration settings(String backend, String directory, boolean tuned) {
        Configuration settings = new Configuration();
        if (tuned) {
            settings.setString("taskmanager.memory.managed.size", "512m");
            settings.setString("state.backend.rocksdb.timer-service.factory", "HEAP");
            settings.setString("state.backend.rocksdb.use-bloom-filter", "true");
        }
        settings.set(StateBackendOptions.STATE_BACKEND, backend);
        settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        settings.set(
                CheckpointingOptions.CHECKPOINTS_DIRECTORY,
                Path.of(directory, "checkpoints").toUri().toString());
        settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, backend.equals("rocksdb"));
        settings.setString("state.backend.rocksdb.localdir", Path.of(directory, "rocksdb").toString());
        settings.setString("io.tmp.dirs", Path.of(directory, "tmp").toString());
        return settings;
    }
}
