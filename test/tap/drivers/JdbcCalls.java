// JDBC: java -cp postgresql.jar JdbcCalls.java URL FORM
//
// The forms are those of calls.py; "strings" needs stringtype=unspecified in the URL.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

public class JdbcCalls {
    private static Connection connection;
    private static String form;

    private static Object element(String kind, String value) {
        switch (kind) {
            case "int": return Integer.valueOf(value);
            case "uuid": return UUID.fromString(value);
            case "num": return new BigDecimal(value);
            case "time": return OffsetDateTime.parse(value);
            case "bool": return value.equals("t");
            default: return value;
        }
    }

    private static String typeName(String kind) {
        switch (kind) {
            case "int": return "integer";
            case "num": return "numeric";
            default: return kind;
        }
    }

    private static Object argument(String spec) throws SQLException {
        String kind = spec.substring(0, spec.indexOf('='));
        String value = spec.substring(spec.indexOf('=') + 1);

        if (kind.equals("null")) return null;
        if (form.equals("strings")) return kind.endsWith("s") ? "{" + value + "}" : value;
        if (!kind.endsWith("s")) return element(kind, value);
        kind = kind.substring(0, kind.length() - 1);
        List<Object> elements = new ArrayList<>();
        for (String v : value.split(","))
            if (!v.isEmpty()) elements.add(element(kind, v));
        return connection.createArrayOf(typeName(kind), elements.toArray());
    }

    private static String text(Object value) {
        if (value == null) return "NULL";
        if (value instanceof Boolean) return (Boolean) value ? "t" : "f";
        return value.toString();
    }

    private static String ask(String statement, List<Object> arguments) throws SQLException {
        try (PreparedStatement call = connection.prepareStatement(statement)) {
            for (int i = 0; i < arguments.size(); i++) call.setObject(i + 1, arguments.get(i));
            StringBuilder rows = new StringBuilder();
            try (ResultSet result = call.executeQuery()) {
                for (int row = 0; result.next(); row++) {
                    if (row > 0) rows.append(';');
                    for (int c = 1; c <= result.getMetaData().getColumnCount(); c++)
                        rows.append(c > 1 ? "," : "").append(text(result.getObject(c)));
                }
            }
            return rows.toString();
        }
    }

    private static String answer(String[] line) throws SQLException {
        List<Object> arguments = new ArrayList<>();
        String answer;

        try {
            for (int i = 2; i < line.length; i++) arguments.add(argument(line[i]));
            answer = ask(line[1].replaceAll("\\$\\d+", "?"), arguments);
            connection.commit();
        } catch (SQLException error) {
            connection.rollback();
            answer = "ERROR " + error.getSQLState() + " " + error.getMessage().split("\n")[0];
        }
        return line[0] + "\t" + answer;
    }

    public static void main(String[] args) throws Exception {
        form = args[1];
        connection = DriverManager.getConnection(args[0]);
        connection.setAutoCommit(false);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine())
            System.out.println(answer(line.split("\t")));
        connection.close();
    }
}
