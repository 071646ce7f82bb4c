using KestrelKv.Client;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions.Tests.AspNetCore;

/// <summary>The examples of the pages of two packages. They are in this file too, where they are compiled and run.</summary>
public sealed class ReadmeTests
{
    private int _rendered;
    private int _saved;

    [Theory]
    [InlineData("KestrelKv.Extensions.Caching", 3)]
    [InlineData("KestrelKv.Extensions.AspNetCore", 2)]
    public void Examples_OfThePage_AreThoseOfThisFile(string package, int count) =>
        Examples.AssertAreIn("tests/KestrelKv.Extensions.Tests/AspNetCore/ReadmeTests.cs", $"src/{package}/README.md", count);

    [Fact]
    public async Task Caching_Examples_Work()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string connectionString = $"kestrelkv://127.0.0.1:{server.WirePort}";
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(_ => new KestrelKvClient(connectionString));
        builder.Services.AddKestrelKvDistributedCache(options => options.Prefix = "shop:");
        builder.Services.AddSession();
        await using WebApplication app = builder.Build();
        await app.StartAsync();
        var cache = app.Services.GetRequiredService<IDistributedCache>();

        await cache.SetStringAsync("greeting", "hello", new DistributedCacheEntryOptions
        {
            SlidingExpiration = TimeSpan.FromMinutes(20),
            AbsoluteExpirationRelativeToNow = TimeSpan.FromHours(8),
        });
        string? greeting = await cache.GetStringAsync("greeting");

        Assert.Equal("hello", greeting);
    }

    [Fact]
    public async Task Hybrid_Examples_Work()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{server.WirePort}");
        await using WebApplication first = Build(), second = Build();
        await first.StartAsync();
        await second.StartAsync();
        HybridCache one = first.Services.GetRequiredService<HybridCache>(), other = second.Services.GetRequiredService<HybridCache>();
        await one.SetAsync("k", 1);
        Assert.Equal(1, await ReadAsync());
        await one.SetAsync("k", 2);
        await Wait.UntilAsync(async () => await ReadAsync() == 2, () => "the other process has the old value");

        async Task<int> ReadAsync() => await other.GetOrCreateAsync("k", _ => new ValueTask<int>(0));

        WebApplication Build()
        {
            WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
            builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
            builder.Services.AddSingleton(client);

            builder.Services.AddKestrelKvDistributedCache();
            builder.Services.AddHybridCache();
            builder.Services.AddKestrelKvHybridCacheInvalidation();

            return builder.Build();
        }
    }

    [Fact]
    public async Task AspNetCore_Examples_Work()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        string connectionString = $"kestrelkv://127.0.0.1:{server.WirePort}";
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRouting().AddLogging(logging => logging.ClearProviders());
        builder.Services.AddSingleton(_ => new KestrelKvClient(connectionString));
        builder.Services.AddDataProtection().SetApplicationName("shop").PersistKeysToKestrelKv(options => options.Prefix = "shop:keys:");
        builder.Services.AddKestrelKvOutputCache(options => options.Prefix = "shop:pages:");
        await using WebApplication app = builder.Build();

        app.UseOutputCache();
        app.MapGet("/products", GetProducts).CacheOutput(policy => policy.Tag("products").Expire(TimeSpan.FromMinutes(5)));
        app.MapPost("/products", async (Product product, IOutputCacheStore pages) =>
        {
            await SaveAsync(product);
            await pages.EvictByTagAsync("products", default);
        });

        await app.StartAsync();
        IDataProtector protector = app.Services.GetRequiredService<IDataProtectionProvider>().CreateProtector("test");
        Assert.Equal("hello", protector.Unprotect(protector.Protect("hello")));
        using var browser = new HttpClient();
        var products = new Uri(new Uri(app.Urls.Single()), "products");
        Assert.Equal(("1", "1"), (await browser.GetStringAsync(products), await browser.GetStringAsync(products)));
        using var body = new StringContent("{\"name\": \"Tea\"}", System.Text.Encoding.UTF8, "application/json");
        (await browser.PostAsync(products, body)).EnsureSuccessStatusCode();
        Assert.Equal((1, "2"), (_saved, await browser.GetStringAsync(products)));
    }

    private string GetProducts() => $"{++_rendered}";

    private Task SaveAsync(Product product)
    {
        Assert.Equal("Tea", product.Name);
        _saved++;
        return Task.CompletedTask;
    }

    private sealed record Product(string Name);
}
