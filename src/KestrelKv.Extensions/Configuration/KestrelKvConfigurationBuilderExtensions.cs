using KestrelKv.Client;
using KestrelKv.Extensions.Configuration;

namespace Microsoft.Extensions.Configuration;

/// <summary>Adds settings that are stored in a KestrelKv server.</summary>
public static class KestrelKvConfigurationBuilderExtensions
{
    /// <summary>Adds the settings under a prefix, and follows their changes.</summary>
    /// <remarks>See <see cref="KestrelKvConfigurationProvider"/>.</remarks>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">See <see cref="KestrelKvClientOptions.Parse"/>.</param>
    /// <param name="prefix">The prefix of the keys: see <see cref="KestrelKvConfigurationOptions.Prefix"/>.</param>
    /// <param name="optional">
    /// Whether the application starts if the server cannot be reached: see <see cref="KestrelKvConfigurationOptions.Optional"/>.
    /// </param>
    /// <param name="reloadOnChange">Whether to follow changes.</param>
    /// <exception cref="ArgumentException">The connection string is invalid.</exception>
    public static IConfigurationBuilder AddKestrelKv(
        this IConfigurationBuilder builder, string connectionString, string prefix, bool optional = false, bool reloadOnChange = true)
    {
        var client = KestrelKvClientOptions.Parse(connectionString);
        return AddKestrelKv(builder, options =>
        {
            options.ClientOptions = client;
            options.Prefix = prefix;
            options.Optional = optional;
            options.ReloadOnChange = reloadOnChange;
        });
    }

    /// <summary>Adds the settings under a prefix.</summary>
    /// <remarks>See <see cref="KestrelKvConfigurationProvider"/>.</remarks>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets the options.</param>
    /// <exception cref="ArgumentException">An option is invalid. The message names it.</exception>
    public static IConfigurationBuilder AddKestrelKv(this IConfigurationBuilder builder, Action<KestrelKvConfigurationOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new KestrelKvConfigurationOptions();
        configure(options);
        options.Validate();
        return builder.Add(new KestrelKvConfigurationSource(options));
    }

    private sealed class KestrelKvConfigurationSource(KestrelKvConfigurationOptions options) : IConfigurationSource
    {
        public IConfigurationProvider Build(IConfigurationBuilder builder) => new KestrelKvConfigurationProvider(options);
    }
}
