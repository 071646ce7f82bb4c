using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Hosting;

/// <summary>What the packages share to register services: service keys, and options that are checked. A source file of several packages.</summary>
internal static class Registration
{
    /// <summary>Returns the service with a key; with null, the one without a key.</summary>
    public static T Resolve<T>(this IServiceProvider provider, object? serviceKey) where T : notnull =>
        serviceKey is null ? provider.GetRequiredService<T>() : provider.GetRequiredKeyedService<T>(serviceKey);

    /// <summary>Returns the name of the options of the service with a key.</summary>
    /// <remarks>Keys of different types can have the same text.</remarks>
    public static string OptionsName(object? serviceKey) => serviceKey switch
    {
        null => Options.DefaultName,
        string text => text,
        _ => $"{serviceKey.GetType().FullName}:{serviceKey}",
    };

    /// <summary>Returns the options of the service with a key.</summary>
    public static T OptionsOf<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(
        this IServiceProvider provider, object? serviceKey = null)
        where T : class =>
        provider.GetRequiredService<IOptionsMonitor<T>>().Get(OptionsName(serviceKey));

    /// <summary>Adds options of the service with a key. The host checks them when it starts.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key of the service; null for none.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    /// <param name="check">Returns what is wrong, or null.</param>
    public static void AddCheckedOptions<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(
        this IServiceCollection services, object? serviceKey, Action<T>? configure, Func<T, string?> check)
        where T : class
    {
        string name = OptionsName(serviceKey);
        OptionsBuilder<T> options = services.AddOptions<T>(name).ValidateOnStart();
        if (configure is not null) options.Configure(configure);
        services.AddSingleton<IValidateOptions<T>>(new Validator<T>(name, check));
    }

    private sealed class Validator<T>(string of, Func<T, string?> check) : IValidateOptions<T> where T : class
    {
        public ValidateOptionsResult Validate(string? name, T options)
        {
            if (name != of) return ValidateOptionsResult.Skip;
            return check(options) is { } error ? ValidateOptionsResult.Fail(error) : ValidateOptionsResult.Success;
        }
    }
}
