using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// A program of its own (witness.py) that loads a server and remembers what it was sent and what it has told, over crash
/// after crash: whatever the server forgets, this does not.
/// </summary>
internal sealed class Witness : IAsyncDisposable
{
    private readonly Process _python;
    private readonly Task<string> _error;

    /// <param name="seed">Of what it sends.</param>
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

    /// <summary>Begins to write and read; completes once every connection has an acknowledgement.</summary>
    public async Task LoadAsync(ServerProcess server)
    {
        await SendAsync("load", server);
        await ReceiveAsync("loading");
    }

    /// <summary>Waits until no connection goes on, because the server is gone, or has refused enough.</summary>
    /// <returns>How many requests the server has refused.</returns>
    public async Task<int> EndedAsync()
    {
        string line = await ReceiveAsync("ended");
        return int.Parse(line["ended ".Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>Fails where the server does not have what it must have.</summary>
    /// <param name="server">One that nobody else writes to.</param>
    /// <param name="grace">What was told so shortly before the end may be lost; null where nothing may be.</param>
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
        _python.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{command} {server.WirePort} {server.Admin.Port} {more}"));

    private async Task<string> ReceiveAsync(string expected)
    {
        string? line = await _python.StandardOutput.ReadLineAsync().WaitAsync(Wait.Patience);
        if (line is null) Assert.Fail(await _error);
        Assert.StartsWith(expected, line, StringComparison.Ordinal);
        return line;
    }
}
