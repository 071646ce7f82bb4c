using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace KestrelKv.Testing;

/// <summary>The real server in a process of its own, on ports that the system chooses.</summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<Match> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(Process process) => _process = process;

    /// <summary>The port of the wire.</summary>
    public int WirePort { get; private set; }

    /// <summary>The admin HTTP, such as <c>http://127.0.0.1:12345/</c>.</summary>
    public Uri Admin { get; private set; } = null!;

    /// <summary>What the server has logged so far.</summary>
    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    /// <summary>Starts a server and waits until it serves.</summary>
    /// <param name="settings">Settings as arguments spell them: <c>Wire:IdleTimeout=00:00:01</c>; without the section's name.</param>
    /// <param name="environment">Variables besides this process' own.</param>
    /// <param name="dll">Another program than the one built along with the tests.</param>
    public static async Task<ServerProcess> StartAsync(
        IEnumerable<string>? settings = null, IReadOnlyDictionary<string, string>? environment = null, string? dll = null)
    {
        var server = new ServerProcess(Create(settings ?? [], environment, dll));
        server._process.OutputDataReceived += (_, line) => server.Take(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.Take(line.Data);
        server._process.Exited += (_, _) => server._started.TrySetException(new InvalidOperationException("The server has exited."));
        server._process.Start();
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        try
        {
            Match match = await server._started.Task.WaitAsync(Wait.Patience);
            server.WirePort = int.Parse(match.Groups["wire"].Value, CultureInfo.InvariantCulture);
            server.Admin = new Uri(match.Groups["admin"].Value);
            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException($"The server did not start. Its log:{Environment.NewLine}{server.Log}", e);
        }
    }

    /// <summary>Runs a server that is expected not to start, to its end.</summary>
    /// <returns>Its exit code, and what it printed.</returns>
    public static async Task<(int ExitCode, string Output)> RunToEndAsync(IEnumerable<string> settings)
    {
        using Process process = Create(settings, null, null);
        process.Start();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Wait.Patience);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Asks the server to stop, as <c>docker stop</c> and systemd do, and waits until it has.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        SendSignal("TERM");
        return await WaitForExitAsync();
    }

    /// <summary>Waits until a server that was told to stop has done so.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> WaitForExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Wait.Patience);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal, such as <c>TERM</c> or <c>STOP</c>.</summary>
    public void SendSignal(string name)
    {
        using Process kill = Process.Start("kill", ["-s", name, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Fails where the log, of the format Text, has a warning or worse. It has all of it once the server has exited.</summary>
    public void AssertNoComplaint() => Assert.False(Complaint().IsMatch(Log), Log);

    /// <summary>Resident memory in bytes.</summary>
    public long ResidentBytes()
    {
        _process.Refresh();
        return _process.WorkingSet64;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    private static Process Create(IEnumerable<string> settings, IReadOnlyDictionary<string, string>? environment, string? dll)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(dll ?? Repository.ServerDll);

        // Those given win: arguments over variables, and over these.
        start.Environment["KestrelKv__Wire__Port"] = "0";
        start.Environment["KestrelKv__Admin__Address"] = "127.0.0.1";
        start.Environment["KestrelKv__Admin__Port"] = "0";
        foreach (string setting in settings) start.ArgumentList.Add($"--KestrelKv:{setting}");
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new Process { StartInfo = start, EnableRaisingEvents = true };
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_log) _log.AppendLine(line);
        if (StartedLine().Match(line) is { Success: true } match) _started.TrySetResult(match);
    }

    [GeneratedRegex(" (WRN|ERR|FTL) ")]
    private static partial Regex Complaint();

    [GeneratedRegex(@"serves the wire on [^ ]*:(?<wire>\d+)[^ ]* to .*the admin HTTP on [\\""]*(?<admin>http://[^, ""\\]+)")]
    private static partial Regex StartedLine();
}
