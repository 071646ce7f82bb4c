using System.Diagnostics;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Top;

/// <summary>Figures of the metrics that the server exposes over HTTP.</summary>
internal sealed class MetricsSource(Session session) : ITopSource, IDisposable
{
    private readonly HttpClient _http = ServerHttp.Create(session, session.ClientOptions.Timeout);
    private MetricsPage? _last;
    private long _lastTime;

    private Uri Address => new(_http.BaseAddress!, "metrics");

    public async Task<TopSample?> ReadAsync(CancellationToken stop)
    {
        MetricsPage page = new(await GetAsync(stop));
        if (!page.IsComplete) throw new IOException($"{Address} is not the page of metrics of a KestrelKv server");
        (MetricsPage? before, long beforeTime) = (_last, _lastTime);
        (_last, _lastTime) = (page, Stopwatch.GetTimestamp());
        return before is null ? null : page.Since(before, DateTimeOffset.UtcNow, Stopwatch.GetElapsedTime(beforeTime, _lastTime).TotalSeconds);
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> GetAsync(CancellationToken stop)
    {
        try
        {
            using HttpResponseMessage reply = await _http.GetAsync(Address, stop);
            if (reply.IsSuccessStatusCode) return await reply.Content.ReadAsStringAsync(stop);
            throw new IOException($"{Address} replied {(int)reply.StatusCode}, expected 200 (the user needs the right metrics)");
        }
        catch (HttpRequestException e)
        {
            throw new IOException($"{Address}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new IOException($"{Address} did not reply within {_http.Timeout.TotalSeconds} seconds", e);
        }
    }
}
