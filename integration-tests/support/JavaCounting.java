import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** What java-changelogs.test.ts counts, in Kafka Streams: brokers, application id, state folder. */
public class JavaCounting {
  public static void main(String[] args) {
    String name = args[1];
    Serde<String> text = Serdes.String();
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, String> visits = builder.stream(name + ".visits", Consumed.with(text, text));
    KGroupedStream<String, String> byKey = visits.groupByKey(Grouped.with(text, text));
    byKey.count(Materialized.as("totals"))
        .toStream()
        .to(name + ".totals", Produced.with(text, Serdes.Long()));
    byKey.windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofMinutes(1)))
        .count(Materialized.as("minutes"))
        .toStream()
        .to(name + ".minutes", Produced.with(
            WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000L), Serdes.Long()));
    byKey.windowedBy(SessionWindows.ofInactivityGapAndGrace(
            Duration.ofSeconds(30), Duration.ofMinutes(1)))
        .count(Materialized.as("sessions"))
        .toStream()
        .filter((key, count) -> count != null)
        .to(name + ".sessions", Produced.with(
            WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long()));
    // Keys of eight bytes, to see into which partition Java puts them.
    visits.map((key, value) -> KeyValue.pair(Long.parseLong(value), key))
        .to(name + ".longs", Produced.with(Serdes.Long(), text));

    Properties settings = new Properties();
    settings.put("application.id", name);
    settings.put("bootstrap.servers", args[0]);
    settings.put("state.dir", args[2]);
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("commit.interval.ms", "100");
    settings.put("statestore.cache.max.bytes", "0");
    settings.put("auto.offset.reset", "earliest");
    settings.put("session.timeout.ms", "2000");
    settings.put("heartbeat.interval.ms", "500");
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
