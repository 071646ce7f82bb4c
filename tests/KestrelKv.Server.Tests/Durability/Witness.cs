using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// A separate process (witness.py) that loads a server and records all requests and replies across any number of crashes. It detects lost
/// writes.
/// </summary>
internal sealed class Witness : IAsyncDisposable
{
    private readonly Process _python;
    private readonly Task<string> _error;

    public Witness(int seed)
    {
        var start = new ProcessStartInfo("python3")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        string script = Repository.PathTo("tests", "KestrelKv.Server.Tests", "Durability", "witness.py");
        foreach (string argument in (string[])["-B", script, seed.ToString(CultureInfo.InvariantCulture)]) start.ArgumentList.Add(argument);
        _python = Process.Start(start)!;
        _error = _python.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts to write and read. Completes once every connection has an acknowledgement.</summary>
    public async Task LoadAsync(ServerProcess server)
    {
        await SendAsync("load", server);
        await ReceiveAsync("loading");
    }

    /// <summary>
    /// Waits until all connections have ended, because the server was killed or has refused enough requests. Returns the number of
    /// refused requests.
    /// </summary>
    public async Task<int> EndedAsync()
    {
        string line = await ReceiveAsync("ended");
        return int.Parse(line["ended ".Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Fails if the server lacks data that it must have. No other client may write to the server. Writes reported within <paramref
    /// name="grace"/> before the end may be lost; null if none may be lost.
    /// </summary>
    public async Task CheckAsync(ServerProcess server, TimeSpan? grace = null)
    {
        await SendAsync("check", server, grace?.TotalSeconds.ToString(CultureInfo.InvariantCulture) ?? "");
        await ReceiveAsync("checked");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_python.HasExited) _python.Kill();
        await _python.WaitForExitAsync();
        _python.Dispose();
    }

    private Task SendAsync(string command, ServerProcess server, string more = "") =>
        _python.StandardInput.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{command} {server.WirePort} {server.Admin.Port} {more}"));

    private async Task<string> ReceiveAsync(string expected)
    {
        string? line = await _python.StandardOutput.ReadLineAsync().WaitAsync(Wait.Patience);
        if (line is null) Assert.Fail(await _error);
        Assert.StartsWith(expected, line, StringComparison.Ordinal);
        return line;
    }
}
