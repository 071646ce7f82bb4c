using KestrelKv.Client;
using KestrelKv.Extensions.Locks;
using KestrelKv.Sample;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Caching.Hybrid;

// A web shop that runs in several processes. They share sessions, pages, caches, keys, locks, settings and news through one KestrelKv server.
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddKestrelKvClient("kv");
builder.Configuration.AddKestrelKv(builder.Configuration.GetConnectionString("kv")!, "shop/config/");

// Sessions, with cookies that each process can read.
builder.Services.AddDataProtection().SetApplicationName("shop").PersistKeysToKestrelKv(options => options.Prefix = "shop/keys/");
builder.Services.AddKestrelKvDistributedCache(options => options.Prefix = "shop/sessions/");
builder.Services.AddSession(options => options.IdleTimeout = TimeSpan.FromMinutes(20));

// Pages, and values with a local level in each process.
builder.Services.AddKestrelKvOutputCache(options => options.Prefix = "shop/pages/");
builder.Services.AddKeyedKestrelKvDistributedCache("values", options => options.Prefix = "shop/values/");
builder.Services.AddHybridCache(options => options.DistributedCacheServiceKey = "values");
builder.Services.AddKestrelKvHybridCacheInvalidation(options => options.DistributedCacheServiceKey = "values");

builder.Services.AddKestrelKvLocks(options => options.Prefix = "shop/locks/");

WebApplication app = builder.Build();
app.UseSession();
app.UseOutputCache();
app.MapHealthChecks("/health");

// Sessions
app.MapGet("/basket", (HttpContext http) => http.Session.GetString("basket") ?? "empty");
app.MapPost("/basket", (HttpContext http, string item) => http.Session.SetString("basket", item));

// Output caching. Behind a load balancer, all processes have the same host.
app.MapGet("/products", async (KestrelKvClient kv) => $"{await kv.CountAsync("shop/products/")} products, rendered at {DateTime.UtcNow:O} by {Environment.ProcessId}")
    .CacheOutput(policy => policy.Tag("products").SetVaryByHost(false).Expire(TimeSpan.FromMinutes(5)));
app.MapPost("/products", async (KestrelKvClient kv, IOutputCacheStore pages, string name, CancellationToken cancellationToken) =>
{
    await kv.PutAsync($"shop/products/{name}", name, cancellationToken: cancellationToken);
    await pages.EvictByTagAsync("products", cancellationToken);
});

// HybridCache
app.MapGet("/price", async (HybridCache values, KestrelKvClient kv, CancellationToken cancellationToken) => await values.GetOrCreateAsync(
    "price", kv, static async (kv, cancel) => (await kv.GetAsync<decimal>("shop/price", cancellationToken: cancel)).Value, cancellationToken: cancellationToken));
app.MapPost("/price", async (HybridCache values, KestrelKvClient kv, decimal price, CancellationToken cancellationToken) =>
{
    await kv.PutAsync("shop/price", price, cancellationToken: cancellationToken);
    await values.RemoveAsync("price", cancellationToken);
});

// A lock. The read and the write of the counter could interleave without it.
app.MapPost("/orders", async (KestrelKvLockProvider locks, KestrelKvClient kv, int count, CancellationToken cancellationToken) =>
{
    KestrelKvLock orders = locks.CreateLock("orders");
    for (int i = 0; i < count; i++)
    {
        await using KestrelKvLockHandle handle = await orders.AcquireAsync(TimeSpan.FromMinutes(1), cancellationToken);
        Entry<int> last = await kv.GetAsync<int>("shop/orders", cancellationToken: cancellationToken);
        await kv.PutAsync("shop/orders", last.Value + 1, cancellationToken: cancellationToken);
    }
});

// Changes, pushed to browsers. A browser that reconnects sends the version of its last event.
app.MapPost("/news", async (KestrelKvClient kv, string id, string text) => (await kv.PutAsync($"shop/news/{id}", text)).Version);
app.MapGet("/news", (KestrelKvClient kv, HttpRequest request, CancellationToken cancellationToken) =>
{
    long? last = long.TryParse(request.Headers["Last-Event-ID"], out long version) ? version : null;
    return TypedResults.ServerSentEvents(News.ReadAsync(kv, last + 1, cancellationToken));
});

// Settings
app.MapGet("/greeting", (IConfiguration configuration) => configuration["Greeting"] ?? "none");

await app.RunAsync();
