package triggerstream.peers;

import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * One job: {@code keyed|cep|cep-filtered BOOTSTRAP TOPIC FIRINGS GROUP TRIGGERS BACKEND DIRECTORY}.
 *
 * It runs in this process, with one task slot: all that it takes is this process's CPU.
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
                StreamExecutionEnvironment.getExecutionEnvironment(settings(args[6], args[7]));
        environment.setParallelism(1);
        environment.getConfig().enableObjectReuse();
        environment.enableCheckpointing(1000);
        KafkaSource<Event> source = KafkaSource.<Event>builder()
                .setBootstrapServers(bootstrap)
                .setTopics(args[2])
                .setGroupId(args[4])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setValueOnlyDeserializer(new EventReader(triggers.types))
                .build();
        WatermarkStrategy<Event> watermarks = WatermarkStrategy
                .<Event>forBoundedOutOfOrderness(OUT_OF_ORDER)
                .withTimestampAssigner((event, appended) -> event.at);
        DataStream<Event> events = environment.fromSource(source, watermarks, "events");
        DataStream<String> firings = switch (kind) {
            case "keyed" -> events.keyBy(event -> event.customer).process(new Detect(triggers));
            case "cep" -> Patterns.over(events, triggers, false);
            case "cep-filtered" -> Patterns.over(events, triggers, true);
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

    private static Configuration settings(String backend, String directory) {
        Configuration settings = new Configuration();
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
