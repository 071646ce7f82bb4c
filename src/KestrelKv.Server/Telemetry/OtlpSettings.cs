using System.Globalization;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Validates the standard OpenTelemetry variables that configure OTLP export. The SDK replaces an invalid value with the
/// default; the server rejects it.
/// </summary>
internal static class OtlpSettings
{
    /// <summary>The signal parts of the variable names; the empty part applies to all signals.</summary>
    private static readonly string[] Signals = ["", "METRICS_", "LOGS_"];

    private static readonly string[] Numbers =
    [
        .. Signals.Select(signal => $"OTEL_EXPORTER_OTLP_{signal}TIMEOUT"),
        "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    ];

    /// <summary>Whether a variable sets an OTLP endpoint.</summary>
    public static bool NameReceiver(IConfiguration configuration) =>
        Signals.Any(signal => !string.IsNullOrEmpty(configuration[$"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"]));

    /// <exception cref="SettingsException">A variable has a value that the OpenTelemetry specification does not allow.</exception>
    public static void Check(IConfiguration configuration)
    {
        var errors = new SettingErrors();
        foreach (string signal in Signals)
        {
            Check($"OTEL_EXPORTER_OTLP_{signal}ENDPOINT", IsHttp, "a URL such as http://localhost:4317");
            Check($"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", text => text is "grpc" or "http/protobuf", "grpc or http/protobuf");
            Check($"OTEL_EXPORTER_OTLP_{signal}HEADERS", ArePairs, "NAME=VALUE, separated by commas");
        }
        foreach (string number in Numbers) Check(number, IsPositive, "an integer, 1 or more");
        Check("OTEL_RESOURCE_ATTRIBUTES", ArePairs, "NAME=VALUE, separated by commas");
        errors.ThrowIfAny();

        // The specification treats an empty value as unset.
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
