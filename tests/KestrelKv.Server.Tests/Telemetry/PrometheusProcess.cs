using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>A real Prometheus with the configuration and alerts of deploy/prometheus, which scrapes a server under test.</summary>
internal sealed class PrometheusProcess : IAsyncDisposable
{
    private readonly StringBuilder _log = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-prometheus-");
    private readonly Process _process;
    private readonly HttpClient _http;

    private PrometheusProcess(Uri target, string? credentialsFile)
    {
        string config = File.ReadAllText(Repository.PathTo("deploy", "prometheus", "prometheus.yml"))
            .Replace("server:8080", target.Authority, StringComparison.Ordinal)
            .Replace("scrape_interval: 5s", "scrape_interval: 500ms", StringComparison.Ordinal)
            .Replace("evaluation_interval: 15s", "evaluation_interval: 500ms", StringComparison.Ordinal);
        Assert.Contains(target.Authority, config, StringComparison.Ordinal);
        if (credentialsFile is not null) config += $"    authorization: {{credentials_file: {credentialsFile}}}\n";
        File.WriteAllText(PathTo("prometheus.yml"), config);
        File.Copy(Repository.PathTo("deploy", "prometheus", "alerts.yml"), PathTo("alerts.yml"));

        string address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{FreePort.Find()}");
        _http = new HttpClient { BaseAddress = new Uri($"http://{address}/") };
        var start = new ProcessStartInfo("prometheus") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add($"--config.file={PathTo("prometheus.yml")}");
        start.ArgumentList.Add($"--storage.tsdb.path={PathTo("data")}");
        start.ArgumentList.Add($"--web.listen-address={address}");
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Starts Prometheus and waits until it has scraped the server.</summary>
    /// <param name="target">The address of the server.</param>
    /// <param name="credentialsFile">The path of a file with the secret of a user that may read the metrics; null for none.</param>
    public static async Task<PrometheusProcess> StartAsync(Uri target, string? credentialsFile = null)
    {
        var prometheus = new PrometheusProcess(target, credentialsFile);
        try
        {
            await prometheus.QueryUntilAsync("up{job=\"kestrelkv\"}", result => result.Count == 1 && result[0].Value == 1);
            return prometheus;
        }
        catch
        {
            await prometheus.DisposeAsync();
            throw;
        }
    }

    /// <summary>Repeats a query until its result is as expected; fails after a timeout.</summary>
    public async Task<List<Sample>> QueryUntilAsync(string expression, Func<List<Sample>, bool> isExpected)
    {
        List<Sample> result = [];
        string response = "no response";
        await Wait.UntilAsync(
            async () =>
            {
                Assert.False(_process.HasExited, Log());
                try
                {
                    response = await _http.GetStringAsync(
                        new Uri($"api/v1/query?query={Uri.EscapeDataString(expression)}", UriKind.Relative));
                    result = Read(response);
                    return isExpected(result);
                }
                catch (HttpRequestException e)
                {
                    // Prometheus is still starting, or the expression is invalid.
                    response = e.Message;
                    return false;
                }
            },
            () => $"{expression} returned {response}. {Log()}");
        return result;
    }

    /// <summary>Waits until an expression has a single value, the expected one.</summary>
    public async Task ExpectAsync(double value, string expression) =>
        await QueryUntilAsync(expression, result => result.Count == 1 && result[0].Value == value);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private string PathTo(string file) => Path.Combine(_folder.FullName, file);

    private string Log()
    {
        lock (_log) return _log.ToString();
    }

    private void Take(string? line)
    {
        lock (_log) _log.AppendLine(line);
    }

    private static List<Sample> Read(string response)
    {
        using JsonDocument document = JsonDocument.Parse(response);
        JsonElement data = document.RootElement.GetProperty("data");
        Assert.Equal("vector", data.GetProperty("resultType").GetString());
        return [.. data.GetProperty("result").EnumerateArray().Select(sample => new Sample(
            sample.GetProperty("metric").EnumerateObject().ToDictionary(label => label.Name, label => label.Value.GetString()!),
            double.Parse(sample.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture)))];
    }

    internal sealed record Sample(Dictionary<string, string> Labels, double Value);
}
