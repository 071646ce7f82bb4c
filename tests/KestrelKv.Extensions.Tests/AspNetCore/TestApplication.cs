using KestrelKv.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions.Tests.AspNetCore;

/// <summary>An ASP.NET Core application on a port that the system chooses.</summary>
internal sealed class TestApplication : IAsyncDisposable
{
    private readonly WebApplication _application;

    private TestApplication(WebApplication application) => _application = application;

    public Uri Address => new(_application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public IServiceProvider Services => _application.Services;

    public static async Task<TestApplication> StartAsync(KestrelKvClient client, Action<IServiceCollection> services, Action<WebApplication> map)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(client).AddRouting().AddLogging(logging => logging.ClearProviders());
        services(builder.Services);
        WebApplication application = builder.Build();
        map(application);
        await application.StartAsync();
        return new(application);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
