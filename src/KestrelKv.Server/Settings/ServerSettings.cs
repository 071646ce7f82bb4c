using KestrelKv.Protocol;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Security;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres;
using KestrelKv.Wire;

namespace KestrelKv.Server.Settings;

/// <summary>
/// The server settings: the section <c>KestrelKv</c> of appsettings.json. An environment variable
/// (<c>KestrelKv__Wire__Port=5555</c>) overrides the file; an argument (<c>--KestrelKv:Wire:Port=5555</c>) overrides both.
/// </summary>
public sealed class ServerSettings
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "KestrelKv";

    /// <summary>The settings of the wire port.</summary>
    public WireOptions Wire { get; set; } = new();

    /// <summary>The settings of the admin HTTP API.</summary>
    public AdminOptions Admin { get; set; } = new();

    /// <summary>The users of the server.</summary>
    public SecurityOptions Security { get; set; } = new();

    /// <summary>The engine, memory, eviction, request ids and change feed of the store.</summary>
    public StoreSettings Store { get; set; } = new();

    /// <summary>The data directory and the durability of writes.</summary>
    public DataOptions Data { get; set; } = new();

    /// <summary>The limits of a single request.</summary>
    public RequestLimits Limits { get; set; } = new();

    /// <summary>
    /// The time that a stop may take to answer received requests and to write a final snapshot, 0 to 10 minutes.
    /// The default is 10 seconds. After this time, the server closes busy connections and abandons an unfinished snapshot; the
    /// next start then replays the log. The process ends at most 5 seconds after this time.
    /// </summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The format of the console log: Text or Json. The default is <see cref="LogFormat.Text"/>.</summary>
    public LogFormat LogFormat { get; set; }

    /// <summary>Reads and validates the settings.</summary>
    /// <exception cref="SettingsException">A setting is unreadable, out of range, or unknown.</exception>
    public static ServerSettings Read(IConfiguration configuration)
    {
        var settings = new ServerSettings();
        var errors = new SettingErrors();
        new SettingsReader(errors).Read(configuration.GetSection(Section), settings);
        settings.FitToEngine();
        SettingsValidator.Validate(settings, errors);
        errors.ThrowIfAny();
        return settings;
    }

    /// <summary>Lowers the default of <see cref="RequestLimits.KeyBytesMax"/> to the maximum of the engine.</summary>
    private void FitToEngine()
    {
        if (Store.Engine == StoreEngine.Postgres && Limits.KeyBytesMax == new RequestLimits().KeyBytesMax)
            Limits.KeyBytesMax = PostgresStore.KeyBytesMax;
    }
}

/// <summary>The format of the console log.</summary>
public enum LogFormat
{
    /// <summary>Plain text lines, for people.</summary>
    Text,

    /// <summary>One compact JSON object per line, for programs.</summary>
    Json,
}

/// <summary>Thrown if settings are invalid. The message names each one and the expected value.</summary>
public sealed class SettingsException(string message) : Exception(message);
