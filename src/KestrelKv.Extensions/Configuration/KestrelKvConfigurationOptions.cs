using KestrelKv.Client;

namespace KestrelKv.Extensions.Configuration;

/// <summary>Options of a configuration source.</summary>
public sealed class KestrelKvConfigurationOptions
{
    /// <summary>The options of the client that the source creates. Not used if <see cref="Client"/> is set.</summary>
    public KestrelKvClientOptions ClientOptions { get; set; } = new();

    /// <summary>
    /// A client to use, which the source does not dispose of. Null, the default, for one with <see cref="ClientOptions"/>.
    /// </summary>
    public KestrelKvClient? Client { get; set; }

    /// <summary>
    /// The prefix of the keys to read, such as <c>config/shop/</c>. The rest of a key is the configuration key, with <c>:</c> for each
    /// <c>/</c>. The default is <c>config/</c>.
    /// </summary>
    public string Prefix { get; set; } = "config/";

    /// <summary>
    /// Whether the application starts without these settings if the server cannot be reached, or refuses the request. They are added as
    /// soon as they can be read. The default is false: the application does not start.
    /// </summary>
    public bool Optional { get; set; }

    /// <summary>Whether to follow changes. The default is true.</summary>
    public bool ReloadOnChange { get; set; } = true;

    /// <summary>
    /// The maximum time for which the start of the application waits for the settings, greater than zero. The default is 10 seconds.
    /// </summary>
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Is called if the settings cannot be followed, for logging. The last values remain, and another attempt is made after a few seconds.
    /// </summary>
    public Action<Exception>? OnError { get; set; }

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Prefix);
        ArgumentNullException.ThrowIfNull(ClientOptions);
        if (LoadTimeout <= TimeSpan.Zero || LoadTimeout > TimeSpan.FromHours(1))
            throw Error($"{nameof(LoadTimeout)} is {LoadTimeout}, expected more than 00:00:00, and 01:00:00 at the most.", "options");

        static ArgumentException Error(string message, string argument) => new(message, argument);
    }
}
