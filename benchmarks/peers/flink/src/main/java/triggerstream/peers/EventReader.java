package triggerstream.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.Map;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;

/** Reads the five fields that are needed, token by token: no tree, no data binding. */
public class EventReader implements DeserializationSchema<Event> {
    private static final JsonFactory JSON = new JsonFactory();

    private final Map<String, Integer> types;

    public EventReader(Map<String, Integer> types) {
        this.types = types;
    }

    @Override
    public Event deserialize(byte[] message) throws IOException {
        Event event = new Event();
        try (JsonParser parser = JSON.createParser(message)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "event_id" -> event.id = parser.getText();
                    case "customer_id" -> event.customer = parser.getText();
                    case "event_type" -> event.type = types.getOrDefault(parser.getText(), -1);
                    case "timestamp" -> event.at = parser.getLongValue();
                    case "event_data" -> readData(parser, event);
                    default -> parser.skipChildren();
                }
            }
        }
        return event;
    }

    private static void readData(JsonParser parser, Event event) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean wanted = parser.currentName().equals("amount");
            parser.nextToken();
            if (wanted) {
                event.amount = parser.getLongValue();
            } else {
                parser.skipChildren();
            }
        }
    }

    @Override
    public boolean isEndOfStream(Event next) {
        return false;
    }

    @Override
    public TypeInformation<Event> getProducedType() {
        return TypeInformation.of(Event.class);
    }
}
