using KestrelKv.Protocol;
using KestrelKv.Server.Admin;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Wire;

namespace KestrelKv.Server.Settings;

/// <summary>
/// All settings, the section <c>KestrelKv</c> of appsettings.json. Each can be given as an environment variable
/// (<c>KestrelKv__Wire__Port=5555</c>) or an argument (<c>--KestrelKv:Wire:Port=5555</c>) too; the later of these wins.
/// </summary>
public sealed class ServerSettings
{
    /// <summary>The section that they are read from.</summary>
    public const string Section = "KestrelKv";

    /// <summary>The wire port.</summary>
    public WireOptions Wire { get; set; } = new();

    /// <summary>The admin HTTP.</summary>
    public AdminOptions Admin { get; set; } = new();

    /// <summary>The memory that the store may take.</summary>
    public EmbeddedStoreOptions Store { get; set; } = new();

    /// <summary>Where the data is kept, and when a write counts as done.</summary>
    public DataOptions Data { get; set; } = new();

    /// <summary>What one request may ask for.</summary>
    public RequestLimits Limits { get; set; } = new();

    /// <summary>
    /// How long the server, when told to stop, may take to answer what it has received and to take a last snapshot, 0
    /// to 10 minutes. Default 10 seconds. Connections that are then still busy are cut; a snapshot that is not finished is
    /// abandoned, and the next start reads the log instead. The process ends at the latest 5 seconds after this time.
    /// </summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>What the log on the console looks like. Default <see cref="LogFormat.Text"/>.</summary>
    public LogFormat LogFormat { get; set; }

    /// <summary>Reads and checks the settings.</summary>
    /// <exception cref="SettingsException">One can't be read, is out of its range, or is not known.</exception>
    public static ServerSettings Read(IConfiguration configuration)
    {
        var settings = new ServerSettings();
        var errors = new SettingErrors();
        new SettingsReader(errors).Read(configuration.GetSection(Section), settings);
        SettingsValidator.Validate(settings, errors);
        errors.ThrowIfAny();
        return settings;
    }
}

/// <summary>What the log on the console looks like.</summary>
public enum LogFormat
{
    /// <summary>Lines for people.</summary>
    Text,

    /// <summary>One compact JSON object a line, for machines.</summary>
    Json,
}

/// <summary>The settings are not fit to start with; the message says which, and what is expected.</summary>
public sealed class SettingsException(string message) : Exception(message);
