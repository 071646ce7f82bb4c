using System.Globalization;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// The variables of the OpenTelemetry specification that configure the export by OTLP. The SDK ignores a value that it
/// can't read and uses the default; here such a value is refused.
/// </summary>
internal static class OtlpSettings
{
    /// <summary>The parts of the names of signals that the server exports.</summary>
    private static readonly string[] Signals = ["", "METRICS_", "LOGS_"];

    private static readonly string[] Numbers =
    [
        .. Signals.Select(signal => $"OTEL_EXPORTER_OTLP_{signal}TIMEOUT"),
        "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    ];

    /// <summary>Whether a variable names a receiver.</summary>
    public static bool NameReceiver(IConfiguration configuration) =>
        Signals.Any(signal => !string.IsNullOrEmpty(configuration[$"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"]));

    /// <exception cref="SettingsException">A variable has a value that its specification does not allow.</exception>
    public static void Check(IConfiguration configuration)
    {
        var errors = new SettingErrors();
        foreach (string signal in Signals)
        {
            Check($"OTEL_EXPORTER_OTLP_{signal}ENDPOINT", IsHttp, "a URL such as http://localhost:4317");
            Check($"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", text => text is "grpc" or "http/protobuf", "grpc or http/protobuf");
            Check($"OTEL_EXPORTER_OTLP_{signal}HEADERS", ArePairs, "NAME=VALUE, separated by commas");
        }
        foreach (string number in Numbers) Check(number, IsPositive, "a whole number, 1 or more");
        Check("OTEL_RESOURCE_ATTRIBUTES", ArePairs, "NAME=VALUE, separated by commas");
        errors.ThrowIfAny();

        // The specification has an empty value mean the same as none.
        void Check(string name, Predicate<string> isValid, string expected)
        {
            if (configuration[name] is { Length: > 0 } value && !isValid(value)) errors.Add(name, value, expected);
        }
    }

    private static bool IsHttp(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps);

    private static bool IsPositive(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0;

    private static bool ArePairs(string text) => Array.TrueForAll(text.Split(','), pair => pair.IndexOf('=', StringComparison.Ordinal) > 0);
}
