using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace KestrelKv.Testing;

/// <summary>The real server in a separate process, on ports that the system chooses.</summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<Match> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Null if the caller has passed a directory.
    private readonly DataDirectory? _ownData;

    private ServerProcess(Process process, DataDirectory? ownData)
    {
        _process = process;
        _ownData = ownData;
    }

    public int Id => _process.Id;

    /// <summary>The port of the wire without TLS; 0 if it is closed.</summary>
    public int WirePort { get; private set; }

    /// <summary>The port of the wire over TLS; 0 if it is closed.</summary>
    public int TlsPort { get; private set; }

    /// <summary>The address of the admin HTTP, such as <c>http://127.0.0.1:12345/</c>.</summary>
    public Uri Admin { get; private set; } = null!;

    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    /// <summary>Starts a server and waits until it serves.</summary>
    /// <param name="settings">Settings as arguments without the section name, such as <c>Wire:IdleTimeout=00:00:01</c>.</param>
    /// <param name="environment">Additional environment variables.</param>
    /// <param name="dll">The program to start instead of the one built along with the tests.</param>
    /// <param name="data">The data directory. By default the server has its own, which is deleted with it.</param>
    /// <param name="network">The network namespace to run in instead of that of the tests.</param>
    public static async Task<ServerProcess> StartAsync(
        IEnumerable<string>? settings = null, IReadOnlyDictionary<string, string>? environment = null, string? dll = null,
        DataDirectory? data = null, NetworkNamespace? network = null)
    {
        DataDirectory? ownData = data is null ? new() : null;
        Process process = Create([], settings ?? [], environment, dll, (data ?? ownData)!);
        network?.Enter(process.StartInfo);
        var server = new ServerProcess(process, ownData);
        server._process.OutputDataReceived += (_, line) => server.Take(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.Take(line.Data);
        server._process.Exited += (_, _) => server._started.TrySetException(new InvalidOperationException("The server has exited."));
        server._process.Start();
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        try
        {
            Match match = await server._started.Task.WaitAsync(Wait.Patience);
            server.WirePort = Port(match.Groups["wire"]);
            server.TlsPort = Port(match.Groups["tls"]);
            server.Admin = new Uri(match.Groups["admin"].Value);
            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException($"The server did not start. Its log:{Environment.NewLine}{server.Log}", e);
        }
    }

    /// <summary>Runs a server that is expected to fail at its start, until it exits. Returns its exit code and output.</summary>
    public static Task<(int ExitCode, string Output)> RunToEndAsync(IEnumerable<string> settings, DataDirectory? data = null) =>
        RunToEndAsync([], settings, data);

    /// <summary>Runs a command of the program until it exits. Returns its exit code and output.</summary>
    public static async Task<(int ExitCode, string Output)> RunToEndAsync(
        string[] command, IEnumerable<string> settings, DataDirectory? data, IReadOnlyDictionary<string, string>? environment = null,
        string? dll = null)
    {
        using DataDirectory? ownData = data is null ? new() : null;
        using Process process = Create(command, settings, environment, dll, (data ?? ownData)!);
        process.Start();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Wait.Patience);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Starts a server, and kills it some time after it has opened its data directory.</summary>
    public static async Task KillWhileStartingAsync(TimeSpan time, IEnumerable<string> settings, DataDirectory data)
    {
        // A server that opens the directory first writes its name to this file. Reading the file would lock it briefly.
        DateTime opened = File.GetLastWriteTimeUtc(data.PathTo("lock"));
        using Process process = Create([], settings, null, null, data);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await Wait.UntilAsync(
                () =>
                    process.HasExited || File.GetLastWriteTimeUtc(data.PathTo("lock")) != opened, () =>
                        "the server never opened its data directory");
            Assert.False(process.HasExited, "the server did not start");
            await Task.Delay(time);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    /// <summary>Starts a command of the program, and kills it when a condition is true.</summary>
    public static async Task KillWhenAsync(
        string[] command, IEnumerable<string> settings, IReadOnlyDictionary<string, string> environment, Func<Task<bool>> condition)
    {
        using var data = new DataDirectory();
        using Process process = Create(command, settings, environment, null, data);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await Wait.UntilAsync(async () => process.HasExited || await condition(), () => "the condition never becomes true");
            Assert.False(process.HasExited, "the command has ended");
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    /// <summary>Sends the signal that <c>docker stop</c> and systemd send, and returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        SendSignal("TERM");
        return await WaitForExitAsync();
    }

    /// <summary>Waits until the server exits, and returns its exit code.</summary>
    public async Task<int> WaitForExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Wait.Patience);
        return _process.ExitCode;
    }

    /// <summary>Sends SIGKILL immediately, without starting another program.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Sends a signal, such as <c>TERM</c> or <c>STOP</c>.</summary>
    public void SendSignal(string name)
    {
        using Process kill = Process.Start("kill", ["-s", name, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Takes a snapshot, unless the server is killed meanwhile.</summary>
    public async Task TryTakeSnapshotAsync()
    {
        try
        {
            using var http = new HttpClient { BaseAddress = Admin };
            using HttpResponseMessage taken = await http.PostAsync(new Uri("v1/admin/snapshot", UriKind.Relative), null);
            Assert.True(taken.IsSuccessStatusCode, $"{taken}");
        }
        catch (HttpRequestException)
        {
            // The server was killed.
        }
    }

    /// <summary>Fails if the log, in the format Text, has a warning or worse. The log is complete once the server has exited.</summary>
    /// <remarks>Kestrel's warning of a late heartbeat is ignored: it reports a busy machine, not a fault of the server.</remarks>
    /// <param name="afterKill">Whether the previous server may have been killed, so that its last write may be incomplete.</param>
    public void AssertNoComplaint(bool afterKill = false)
    {
        string log = LateHeartbeat().Replace(Log, "");
        Assert.False(WarningOrError().IsMatch(afterKill ? TornTail().Replace(log, "") : log), Log);
    }

    public long ResidentBytes()
    {
        _process.Refresh();
        return _process.WorkingSet64;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();

        // Also waits for the end of the output.
        await _process.WaitForExitAsync();
        _process.Dispose();
        _ownData?.Dispose();
        Canary.AssertAbsent(Log, "the log");
    }

    private static Process Create(
        string[] command, IEnumerable<string> settings, IReadOnlyDictionary<string, string>? environment, string? dll, DataDirectory data)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(dll ?? Repository.ServerDll);
        foreach (string word in command) start.ArgumentList.Add(word);

        // Explicit settings take precedence: arguments over variables, and variables over these.
        start.Environment["KestrelKv__Wire__Port"] = "0";
        start.Environment["KestrelKv__Wire__TlsPort"] = "0";
        start.Environment["KestrelKv__Admin__Address"] = "127.0.0.1";
        start.Environment["KestrelKv__Admin__Port"] = "0";
        start.Environment["KestrelKv__Data__Directory"] = data.FullPath;

        // Longer than Wait.Patience: a stop that hangs fails its test, and on a busy machine every snapshot is completed.
        start.Environment["KestrelKv__StopTimeout"] = "00:10:00";
        foreach (string setting in settings) start.ArgumentList.Add($"--KestrelKv:{setting}");
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new Process { StartInfo = start, EnableRaisingEvents = true };
    }

    private static int Port(Group group) => group.Success ? int.Parse(group.Value, CultureInfo.InvariantCulture) : 0;

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_log) _log.AppendLine(line);
        if (StartedLine().Match(line) is { Success: true } match) _started.TrySetResult(match);
    }

    [GeneratedRegex("^.* WRN As of .*, the heartbeat has been running for .*$", RegexOptions.Multiline)]
    private static partial Regex LateHeartbeat();

    [GeneratedRegex(" (WRN|ERR|FTL) ")]
    private static partial Regex WarningOrError();

    [GeneratedRegex(@"^.* WRN The log ends at .* was never synced and is discarded$", RegexOptions.Multiline)]
    private static partial Regex TornTail();

    [GeneratedRegex(
        @"serves the wire on (?:[^ ]*:(?<wire>\d+)[^ ]* (?!\(TLS))?(?:.*:(?<tls>\d+) \(TLS\))?.*" +
        @"to .*the admin HTTP on [\\""]*(?<admin>https?://[^, ""\\]+)")]
    private static partial Regex StartedLine();
}
