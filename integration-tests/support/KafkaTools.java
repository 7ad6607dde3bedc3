import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.internals.Exit;
import org.apache.kafka.tools.AclCommand;
import org.apache.kafka.tools.ConsoleProducer;
import org.apache.kafka.tools.consumer.ConsoleConsumer;

/**
 * Kafka's own command line tools, one after the other in one JVM: that spares the start of each. A
 * line of base64 words (the tool, its standard input, its arguments) is answered by a line with the
 * exit code and the output.
 */
public class KafkaTools {
  static class Ended extends RuntimeException {
    final int code;

    Ended(int code) {
      super("exit " + code);
      this.code = code;
    }
  }

  /** What a tool leaves to the end of its process: the producer sends what it has kept until then. */
  static final List<Runnable> hooks = new ArrayList<>();

  public static void main(String[] args) throws Exception {
    PrintStream answers = System.out;
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    Exit.setExitProcedure((code, message) -> {
      throw new Ended(code);
    });
    Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      List<String> words = Arrays.stream(line.split(" ", -1)).map(KafkaTools::decoded).toList();
      ByteArrayOutputStream output = new ByteArrayOutputStream();
      int code = run(words, output);
      hooks.forEach(Runnable::run);
      hooks.clear();
      answers.println(code + " " + Base64.getEncoder().encodeToString(output.toByteArray()));
      answers.flush();
    }
    Runtime.getRuntime().halt(0);
  }

  static String decoded(String word) {
    return new String(Base64.getDecoder().decode(word), java.nio.charset.StandardCharsets.UTF_8);
  }

  static int run(List<String> words, ByteArrayOutputStream output) {
    String[] args = words.subList(2, words.size()).toArray(new String[0]);
    InputStream input = new ByteArrayInputStream(words.get(1).getBytes());
    PrintStream captured = new PrintStream(output, true);
    ByteArrayOutputStream complaints = new ByteArrayOutputStream();
    System.setIn(input);
    System.setOut(captured);
    System.setErr(new PrintStream(complaints, true));
    try {
      switch (words.get(0)) {
        case "kafka-acls.sh" -> AclCommand.main(args);
        case "kafka-console-producer.sh" -> ConsoleProducer.main(args);
        case "kafka-console-consumer.sh" -> ConsoleConsumer.main(args);
        default -> throw new IllegalArgumentException("no tool " + words.get(0));
      }
      return 0;
    } catch (Ended ended) {
      if (ended.code != 0) output.writeBytes(complaints.toByteArray());
      return ended.code;
    } catch (Throwable failure) {
      failure.printStackTrace(captured);
      return 1;
    } finally {
      captured.flush();
    }
  }
}
