using System.Globalization;
using KestrelKv.Client;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Settings;

/// <summary>Reads settings and client options from configuration sections. An error names the setting.</summary>
/// <remarks>
/// It has its own conversions: times are numbers of seconds, as in connection strings, and a name that does not exist is an error.
/// </remarks>
internal static class SettingsReader
{
    private static readonly Dictionary<string, Action<KestrelKvClientSettings, IConfigurationSection>> Settings = new(StringComparer.OrdinalIgnoreCase)
    {
        [nameof(KestrelKvClientSettings.ConnectionString)] = (settings, child) => settings.ConnectionString = child.Value,
        [nameof(KestrelKvClientSettings.DisableHealthChecks)] = (settings, child) => settings.DisableHealthChecks = Boolean(child),
        [nameof(KestrelKvClientSettings.DisableTracing)] = (settings, child) => settings.DisableTracing = Boolean(child),
        [nameof(KestrelKvClientSettings.DisableMetrics)] = (settings, child) => settings.DisableMetrics = Boolean(child),
        [nameof(KestrelKvClientSettings.HealthCheckTimeout)] = (settings, child) => settings.HealthCheckTimeout = Time(child),
    };

    /// <summary>Sets the settings of a section.</summary>
    public static void Read(IConfiguration section, KestrelKvClientSettings settings)
    {
        foreach (IConfigurationSection child in Values(section))
            if (Settings.TryGetValue(child.Key, out Action<KestrelKvClientSettings, IConfigurationSection>? set)) set(settings, child);
    }

    /// <summary>
    /// Sets the client options of a section. A section that has a value is a connection string. Otherwise its <c>ConnectionString</c> comes
    /// first, and its other values complement it.
    /// </summary>
    public static void Read(IConfiguration configuration, KestrelKvClientOptions options)
    {
        if (configuration is IConfigurationSection { Value: { Length: > 0 } text } whole)
        {
            ApplySetting(whole.Path, () => options.Apply(text));
            return;
        }
        if (configuration["ConnectionString"] is { Length: > 0 } connectionString)
            ApplySetting(PathOf(configuration, "ConnectionString"), () => options.Apply(connectionString));
        ReadOptions(configuration, options);
    }

    /// <summary>Sets the client options of a section, without its connection string.</summary>
    public static void ReadOptions(IConfiguration section, KestrelKvClientOptions options)
    {
        foreach (IConfigurationSection child in Values(section))
            if (!Settings.ContainsKey(child.Key)) ApplySetting(child.Path, () => options.Set(child.Key, child.Value!));
    }

    /// <summary>Whether a section names a server.</summary>
    public static bool HasServer(IConfiguration section) => section["Host"] is { Length: > 0 };

    /// <summary>Runs a step that reads a setting.</summary>
    /// <exception cref="OptionsValidationException">The setting is invalid. The message names it.</exception>
    public static void ApplySetting(string setting, Action step)
    {
        try
        {
            step();
        }
        catch (ArgumentException e)
        {
            throw Invalid(setting, MessageOf(e));
        }
    }

    /// <summary>
    /// Returns the message of an exception without the name of the parameter, which is of no use to a reader of settings.
    /// </summary>
    public static string MessageOf(ArgumentException error) =>
        error.ParamName is { } parameter ? error.Message.Replace($" (Parameter '{parameter}')", "", StringComparison.Ordinal) : error.Message;

    // Sections below, such as those of other clients, have no value.
    private static IEnumerable<IConfigurationSection> Values(IConfiguration section) => section.GetChildren().Where(child => child.Value is not null);

    private static string PathOf(IConfiguration section, string name) => section is IConfigurationSection { Path: var path } ? $"{path}:{name}" : name;

    private static bool Boolean(IConfigurationSection setting) =>
        bool.TryParse(setting.Value, out bool result) ? result : throw Invalid(setting.Path, $"the value is \"{setting.Value}\", expected true or false.");

    private static TimeSpan Time(IConfigurationSection setting)
    {
        TimeSpan time = double.TryParse(setting.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds < 86_400
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.TryParse(setting.Value, CultureInfo.InvariantCulture, out TimeSpan parsed) ? parsed : TimeSpan.Zero;
        return time > TimeSpan.Zero
            ? time
            : throw Invalid(setting.Path, $"the value is \"{setting.Value}\", expected a number of seconds greater than 0, or a time such as 00:00:05.");
    }

    private static OptionsValidationException Invalid(string setting, string problem) =>
        new(setting, typeof(KestrelKvClientOptions), [$"The setting {setting} is invalid: {problem}"]);
}
