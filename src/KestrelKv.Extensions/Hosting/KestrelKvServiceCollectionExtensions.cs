using KestrelKv.Client;
using KestrelKv.Extensions.Hosting;
using KestrelKv.Extensions.Settings;
using Microsoft.Extensions.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers <see cref="KestrelKvClient"/> as a singleton.</summary>
/// <remarks>
/// <para>
/// The container creates the client when it is first resolved, and disposes of it. The client connects when the first call needs it.
/// </para>
/// <para>
/// The host checks the options when it starts, and fails with a message that names the setting. Further registrations with the same key add
/// to the options of the first; so do <c>services.Configure&lt;KestrelKvClientOptions&gt;</c> and <c>PostConfigure</c>, for a keyed client
/// with the key as the name of the options.
/// </para>
/// </remarks>
public static class KestrelKvServiceCollectionExtensions
{
    /// <summary>Registers a client with a connection string.</summary>
    /// <param name="services">The services.</param>
    /// <param name="connectionString">See <see cref="KestrelKvClientOptions.Parse"/>.</param>
    /// <param name="configure">Sets further options, such as <see cref="KestrelKvClientOptions.SecretProvider"/>; null for none.</param>
    /// <exception cref="ArgumentException">The connection string is empty.</exception>
    public static IServiceCollection AddKestrelKvClient(
        this IServiceCollection services, string connectionString, Action<KestrelKvClientOptions>? configure = null) =>
        Add(services, null, connectionString, configure);

    /// <summary>Registers a client with options.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKestrelKvClient(this IServiceCollection services, Action<KestrelKvClientOptions> configure) =>
        Add(services, null, configure);

    /// <summary>Registers a client with options that depend on other services.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKestrelKvClient(
        this IServiceCollection services, Action<IServiceProvider, KestrelKvClientOptions> configure) => Add(services, null, configure);

    /// <summary>Registers a client with options from configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">
    /// A section such as <c>configuration.GetSection("KestrelKv")</c>, whose keys are <c>ConnectionString</c> and the names of the
    /// properties of <see cref="KestrelKvClientOptions"/>; or one that is a connection string, such as
    /// <c>configuration.GetSection("ConnectionStrings:kv")</c>.
    /// </param>
    /// <param name="configure">Sets further options; null for none.</param>
    public static IServiceCollection AddKestrelKvClient(
        this IServiceCollection services, IConfiguration section, Action<KestrelKvClientOptions>? configure = null) =>
        Add(services, null, section, configure);

    /// <summary>Registers a client with a key and a connection string.</summary>
    /// <inheritdoc cref="AddKestrelKvClient(IServiceCollection, string, Action{KestrelKvClientOptions}?)"/>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key of the client.</param>
    /// <param name="connectionString">See <see cref="KestrelKvClientOptions.Parse"/>.</param>
    /// <param name="configure">Sets further options; null for none.</param>
    public static IServiceCollection AddKeyedKestrelKvClient(
        this IServiceCollection services, object serviceKey, string connectionString, Action<KestrelKvClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, connectionString, configure);
    }

    /// <summary>Registers a client with a key and options.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key of the client.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKeyedKestrelKvClient(
        this IServiceCollection services, object serviceKey, Action<KestrelKvClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, configure);
    }

    /// <summary>Registers a client with a key and options that depend on other services.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key of the client.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddKeyedKestrelKvClient(
        this IServiceCollection services, object serviceKey, Action<IServiceProvider, KestrelKvClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, configure);
    }

    /// <summary>Registers a client with a key and options from configuration.</summary>
    /// <inheritdoc cref="AddKestrelKvClient(IServiceCollection, IConfiguration, Action{KestrelKvClientOptions}?)"/>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key of the client.</param>
    /// <param name="section">A section with options, or one that is a connection string.</param>
    /// <param name="configure">Sets further options; null for none.</param>
    public static IServiceCollection AddKeyedKestrelKvClient(
        this IServiceCollection services, object serviceKey, IConfiguration section, Action<KestrelKvClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, section, configure);
    }

    private static IServiceCollection Add(
        IServiceCollection services, object? serviceKey, string connectionString, Action<KestrelKvClientOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        const string Source = "the connection string of AddKestrelKvClient";
        ClientRegistration.Add(services, serviceKey, Source, (_, options) =>
        {
            SettingsReader.ApplySetting(Source, () => options.Apply(connectionString));
            configure?.Invoke(options);
        });
        return services;
    }

    private static IServiceCollection Add(IServiceCollection services, object? serviceKey, Action<KestrelKvClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, serviceKey, (_, options) => configure(options));
    }

    private static IServiceCollection Add(
        IServiceCollection services, object? serviceKey, Action<IServiceProvider, KestrelKvClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        ClientRegistration.Add(services, serviceKey, "the options of AddKestrelKvClient", configure);
        return services;
    }

    private static IServiceCollection Add(
        IServiceCollection services, object? serviceKey, IConfiguration section, Action<KestrelKvClientOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        string source = section is IConfigurationSection { Path: { Length: > 0 } path } ? $"settings {path}" : "the root of the configuration";
        ClientRegistration.Add(services, serviceKey, source, (_, options) =>
        {
            SettingsReader.Read(section, options);
            configure?.Invoke(options);
        });
        return services;
    }
}
