using KestrelKv.Client;
using KestrelKv.Extensions.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Hosting;

/// <summary>
/// Registers a client with its options. There is one singleton per service key; registrations with the same key share it, and their options
/// add up.
/// </summary>
internal static class ClientRegistration
{
    /// <summary>Registers a client.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key of the client; null for none.</param>
    /// <param name="source">Where the options come from, for errors.</param>
    /// <param name="configure">Sets options.</param>
    public static void Add(IServiceCollection services, object? serviceKey, string source, Action<IServiceProvider, KestrelKvClientOptions> configure)
    {
        string name = Registration.OptionsName(serviceKey);
        services.AddOptions<KestrelKvClientOptions>(name)
            .Configure<IServiceProvider>((options, provider) => configure(provider, options))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<KestrelKvClientOptions>>(new ClientOptionsValidator(name, source));
        if (serviceKey is null) services.TryAddSingleton(provider => Create(provider, name));
        else services.TryAddKeyedSingleton(serviceKey, (provider, _) => Create(provider, name));
    }

    private static KestrelKvClient Create(IServiceProvider provider, string name) =>
        new(provider.GetRequiredService<IOptionsMonitor<KestrelKvClientOptions>>().Get(name));

    /// <summary>Checks the options of one client.</summary>
    private sealed class ClientOptionsValidator(string client, string source) : IValidateOptions<KestrelKvClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, KestrelKvClientOptions options)
        {
            if (name != client) return ValidateOptionsResult.Skip;
            try
            {
                options.Validate();
                return ValidateOptionsResult.Success;
            }
            catch (ArgumentException e)
            {
                string which = client.Length == 0 ? "The KestrelKv client" : $"The KestrelKv client \"{client}\"";
                return ValidateOptionsResult.Fail($"{which} ({source}) has an invalid option: {SettingsReader.MessageOf(e)}");
            }
        }
    }
}
