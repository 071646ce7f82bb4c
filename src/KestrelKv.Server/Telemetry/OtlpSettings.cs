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
    private static readonly string[] Signals = ["", "METRICS_", "LOGS_", "TRACES_"];

    private const string TracesExporter = "OTEL_TRACES_EXPORTER";

    private const string Sampler = "OTEL_TRACES_SAMPLER";

    private static readonly string[] Numbers =
    [
        .. Signals.Select(signal => $"OTEL_EXPORTER_OTLP_{signal}TIMEOUT"),
        "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    ];

    private static readonly string[] Samplers =
    [
        "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
    ];

    /// <summary>Whether a variable sets an OTLP endpoint.</summary>
    public static bool NameReceiver(IConfiguration configuration) =>
        Signals.Any(signal => !string.IsNullOrEmpty(configuration[$"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"]));

    /// <summary>Whether traces are exported: an endpoint is set for them or for all signals, and the exporter is not <c>none</c>.</summary>
    public static bool ExportsTraces(IConfiguration configuration) =>
        configuration[TracesExporter] != "none" &&
        Array.Exists(["", "TRACES_"], signal => !string.IsNullOrEmpty(configuration[$"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"]));

    /// <summary>Whether the standard variable sets a sampler.</summary>
    public static bool NameSampler(IConfiguration configuration) => !string.IsNullOrEmpty(configuration[Sampler]);

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
        Check(TracesExporter, text => text is "otlp" or "none", "otlp or none");
        Check(Sampler, text => Samplers.Contains(text), $"one of {string.Join(", ", Samplers)}");
        Check($"{Sampler}_ARG", IsRatio, "a number from 0 to 1");
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

    private static bool IsRatio(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number is >= 0 and <= 1;

    private static bool ArePairs(string text) => Array.TrueForAll(text.Split(','), pair => pair.IndexOf('=', StringComparison.Ordinal) > 0);
}
