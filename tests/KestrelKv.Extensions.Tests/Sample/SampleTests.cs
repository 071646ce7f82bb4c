using System.Net;
using System.Net.ServerSentEvents;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Sample;

/// <summary>The sample application in two processes with one server, which is killed and started again. All packages work together.</summary>
public sealed class SampleTests : IAsyncLifetime, IDisposable
{
    private readonly DataDirectory _data = new();
    private readonly int _port = FreePort.FindFixed();
    private readonly HttpClientHandler _cookies = new() { CookieContainer = new CookieContainer() };
    private readonly HttpClient _browser;
    private readonly KestrelKvClient _client;
    private ServerProcess _server = null!;
    private SampleProcess _one = null!;
    private SampleProcess _other = null!;

    public SampleTests()
    {
        _browser = new HttpClient(_cookies, disposeHandler: false) { Timeout = Wait.Patience };
        _client = new KestrelKvClient(new KestrelKvClientOptions { Host = "127.0.0.1", Port = _port, Timeout = Wait.Patience });
    }

    public async Task InitializeAsync()
    {
        await StartServerAsync();
        string connectionString = $"Host=127.0.0.1;Port={_port};ReconnectDelayMax=0.2";
        _one = await SampleProcess.StartAsync(connectionString);
        _other = await SampleProcess.StartAsync(connectionString);
    }

    public async Task DisposeAsync()
    {
        if (_one is not null) await _one.DisposeAsync();
        if (_other is not null) await _other.DisposeAsync();
        await _client.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
    }

    public void Dispose()
    {
        _browser.Dispose();
        _cookies.Dispose();
        _data.Dispose();
    }

    [Fact]
    public async Task TwoProcesses_WithOneServer_ShareTheirState()
    {
        using var stop = new CancellationTokenSource(Wait.Patience * 2);
        await using IAsyncEnumerator<SseItem<string>> news = await OpenNewsAsync(_other, stop.Token);
        await UseAsync("1", orders: 25);
        await PostAsync(_one, "news?id=1&text=open");
        Assert.Equal("open", await NextAsync(news));

        _server.Kill();
        await _server.WaitForExitAsync();
        await _server.DisposeAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await HealthAsync(_one));
        await StartServerAsync();
        await AwaitHealthAsync(_one);
        await AwaitHealthAsync(_other);

        // The session, the stream of news and everything else continue.
        Assert.Equal("tea 1", await GetAsync(_one, "basket"));
        await PostAsync(_one, "news?id=2&text=sale");
        Assert.Equal("sale", await NextAsync(news));
        await UseAsync("2", orders: 50);
    }

    /// <summary>Uses all parts of the application on both processes.</summary>
    /// <param name="round">A text that differs between calls.</param>
    /// <param name="orders">The number of orders afterwards, 25 more than before.</param>
    private async Task UseAsync(string round, int orders)
    {
        await PostAsync(_one, $"basket?item=tea {round}");
        Assert.Equal($"tea {round}", await GetAsync(_other, "basket"));

        await UsePagesAsync(round);

        // Both have the price in their local level. A write that does not remove it there is not seen.
        await PostAsync(_one, $"price?price={round}.25");
        await AwaitAsync(_one, "price", $"{round}.25");
        await AwaitAsync(_other, "price", $"{round}.25");
        await _client.PutAsync("shop/price", 99m);
        Assert.Equal($"{round}.25", await GetAsync(_one, "price"));
        await PostAsync(_one, $"price?price={round}.50");
        await AwaitAsync(_other, "price", $"{round}.50");

        await Task.WhenAll(PostAsync(_one, "orders?count=12"), PostAsync(_other, "orders?count=13"));
        Assert.Equal(orders, (await _client.GetAsync<int>("shop/orders")).Value);

        await _client.PutAsync("shop/config/Greeting", $"hello {round}");
        await AwaitAsync(_one, "greeting", $"hello {round}");
        await AwaitAsync(_other, "greeting", $"hello {round}");
    }

    private async Task UsePagesAsync(string round)
    {
        // Each rendering differs, so an equal page comes from the cache. Pages are not stored for a while after an eviction.
        string page = "";
        await Wait.UntilAsync(async () => (page = await GetAsync(_one, "products")) == await GetAsync(_one, "products"), () => "no page is cached");
        Assert.Equal(page, await GetAsync(_other, "products"));
        await PostAsync(_other, $"products?name=p{round}");
        string[] pages = [await GetAsync(_one, "products"), await GetAsync(_other, "products")];
        Assert.All(pages, rendered => Assert.StartsWith($"{round} products", rendered, StringComparison.Ordinal));
        Assert.DoesNotContain(page, pages);
    }

    private async Task StartServerAsync() => _server = await ServerProcess.StartAsync([$"Wire:Port={_port}"], data: _data);

    private Task<string> GetAsync(SampleProcess process, string path) => _browser.GetStringAsync(new Uri(process.Address, path));

    private async Task PostAsync(SampleProcess process, string path)
    {
        using HttpResponseMessage response = await _browser.PostAsync(new Uri(process.Address, path), null);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {response}\n{process.Log}");
    }

    private async Task AwaitAsync(SampleProcess process, string path, string expected)
    {
        string last = "";
        await Wait.UntilAsync(async () => (last = await GetAsync(process, path)) == expected, () => $"{path} is {last}, expected {expected}");
    }

    private async Task<HttpStatusCode> HealthAsync(SampleProcess process)
    {
        using HttpResponseMessage response = await _browser.GetAsync(new Uri(process.Address, "health"));
        return response.StatusCode;
    }

    private Task AwaitHealthAsync(SampleProcess process) => Wait.UntilAsync(
        async () => await HealthAsync(process) == HttpStatusCode.OK, () => process.Log);

    /// <summary>Opens the stream of news, and returns once it reports what happens from now on.</summary>
    private async Task<IAsyncEnumerator<SseItem<string>>> OpenNewsAsync(SampleProcess process, CancellationToken cancellationToken)
    {
        Stream stream = await _browser.GetStreamAsync(new Uri(process.Address, "news"), cancellationToken);
        IAsyncEnumerator<SseItem<string>> news = SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        Assert.True(await news.MoveNextAsync());
        Assert.Equal("progress", news.Current.EventType);
        return news;
    }

    private static async Task<string> NextAsync(IAsyncEnumerator<SseItem<string>> news)
    {
        do Assert.True(await news.MoveNextAsync());
        while (news.Current.EventType != "news");
        return news.Current.Data;
    }
}
