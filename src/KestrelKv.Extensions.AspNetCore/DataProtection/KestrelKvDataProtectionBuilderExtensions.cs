using KestrelKv.Client;
using KestrelKv.Extensions.AspNetCore;
using KestrelKv.Extensions.AspNetCore.DataProtection;
using KestrelKv.Extensions.Hosting;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.DataProtection;

/// <summary>Stores the keys of Data Protection in KestrelKv.</summary>
public static class KestrelKvDataProtectionBuilderExtensions
{
    /// <summary>
    /// Stores the keys of Data Protection in KestrelKv, so that all instances of the application share them. The application does not start to
    /// protect data with a server that evicts entries or keeps them in memory only: see <see cref="KestrelKvDataProtectionOptions"/>.
    /// </summary>
    /// <remarks>
    /// The keys are stored as Data Protection passes them. Without <c>ProtectKeysWith...</c>, everyone who can read the prefix can read them.
    /// </remarks>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IDataProtectionBuilder PersistKeysToKestrelKv(
        this IDataProtectionBuilder builder, Action<KestrelKvDataProtectionOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddCheckedOptions(null, configure, options => options.Validate());
        builder.Services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider =>
            new ConfigureOptions<KeyManagementOptions>(management => management.XmlRepository = Create(provider)));
        return builder;
    }

    private static KestrelKvXmlRepository Create(IServiceProvider provider)
    {
        var options = provider.OptionsOf<KestrelKvDataProtectionOptions>();
        return new(
            provider.Resolve<KestrelKvClient>(options.ClientServiceKey), options,
            provider.GetService<ILogger<KestrelKvXmlRepository>>() ?? NullLogger<KestrelKvXmlRepository>.Instance);
    }
}
