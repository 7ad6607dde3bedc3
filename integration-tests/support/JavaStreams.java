import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** Kafka Streams on the topics of java-streams.test.ts: brokers, prefix of names, state folder. */
public class JavaStreams {
  public static void main(String[] args) {
    String prefix = args[1];
    Serde<String> text = Serdes.String();
    Serde<Windowed<String>> windowed =
        WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000L);
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, Long> numbers =
        builder.stream(prefix + ".numbers", Consumed.with(text, Serdes.Long()));
    // A null stays null: a tombstone. Headers go along.
    numbers.mapValues(value -> value == null ? null : value * 0.5)
        .to(prefix + ".halves", Produced.with(text, Serdes.Double()));
    numbers.filter((key, value) -> value != null)
        .groupByKey(Grouped.with(text, Serdes.Long()))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
        .count(Materialized.as("counts"))
        .toStream()
        .to(prefix + ".counts", Produced.with(windowed, Serdes.Long()));
    builder.stream(prefix + ".windowed", Consumed.with(windowed, Serdes.Integer()))
        .map((key, value) -> org.apache.kafka.streams.KeyValue.pair(
            key.key(),
            key.key() + "@" + key.window().start() + ".." + key.window().end() + "=" + value))
        .to(prefix + ".texts", Produced.with(text, text));

    Properties settings = new Properties();
    settings.put("application.id", prefix + "-java");
    settings.put("bootstrap.servers", args[0]);
    settings.put("state.dir", args[2]);
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("commit.interval.ms", "100");
    settings.put("statestore.cache.max.bytes", "0");
    settings.put("auto.offset.reset", "earliest");
    settings.put("producer.compression.type", "zstd");
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
