package triggerstream.peers;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The triggers, from a file of one line each: {@code id kind numbers types}, tab-separated
 * ({@code specs.py} writes it).
 */
public class Triggers implements Serializable {
    public enum Kind { EVENT, COUNT, SEQUENCE, ABSENCE }

    /** What a trigger wants; {@code number} is the amount or the count, {@code window} in ms. */
    public record Trigger(String id, Kind kind, long number, long window, int[] types)
            implements Serializable {}

    /** Trigger {@code slot}, looked at by an event of the type of its step {@code step}. */
    public record Look(int slot, int step, Trigger trigger) implements Serializable {}

    public final Map<String, Integer> types = new LinkedHashMap<>();
    public final List<Trigger> all = new ArrayList<>();

    public static Triggers read(Path path) throws IOException {
        Triggers triggers = new Triggers();
        for (String line : Files.readAllLines(path)) {
            String[] parts = line.split("\t");
            int[] types = new int[parts.length - 4];
            for (int step = 0; step < types.length; step++) {
                types[step] = triggers.number(parts[step + 4]);
            }
            Kind kind = Kind.valueOf(parts[1].toUpperCase());
            long number = Long.parseLong(parts[2]);
            triggers.all.add(new Trigger(parts[0], kind, number, Long.parseLong(parts[3]), types));
        }
        return triggers;
    }

    private int number(String type) {
        return types.computeIfAbsent(type, each -> types.size());
    }

    /** What looks at each type, so that a trigger costs nothing to events of other types. */
    public Look[][] byType() {
        List<List<Look>> looks = new ArrayList<>();
        types.values().forEach(type -> looks.add(new ArrayList<>()));
        for (int slot = 0; slot < all.size(); slot++) {
            Trigger trigger = all.get(slot);
            // From the last step to the first: an event moves what was there before it.
            for (int step = trigger.types().length - 1; step >= 0; step--) {
                looks.get(trigger.types()[step]).add(new Look(slot, step, trigger));
            }
        }
        return looks.stream().map(each -> each.toArray(new Look[0])).toArray(Look[][]::new);
    }
}
