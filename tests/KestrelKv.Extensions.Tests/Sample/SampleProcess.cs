using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Sample;

/// <summary>A process of the sample application, on a port that the system chooses.</summary>
internal sealed partial class SampleProcess : IAsyncDisposable
{
    private static readonly string Dll = Repository.PathTo(
        "tests", "KestrelKv.Sample", "bin", Repository.Configuration, "net10.0", "KestrelKv.Sample.dll");

    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SampleProcess(Process process) => _process = process;

    public Uri Address { get; private set; } = null!;

    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    /// <summary>Starts a process and waits until it serves.</summary>
    /// <param name="connectionString">The connection string of the KestrelKv server.</param>
    public static async Task<SampleProcess> StartAsync(string connectionString)
    {
        var start = new ProcessStartInfo("dotnet", [Dll, "--urls", "http://127.0.0.1:0", $"--ConnectionStrings:kv={connectionString}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        var sample = new SampleProcess(new Process { StartInfo = start, EnableRaisingEvents = true });
        sample._process.OutputDataReceived += (_, line) => sample.Take(line.Data);
        sample._process.ErrorDataReceived += (_, line) => sample.Take(line.Data);
        sample._process.Exited += (_, _) => sample._address.TrySetException(new InvalidOperationException("The application has exited."));
        sample._process.Start();
        sample._process.BeginOutputReadLine();
        sample._process.BeginErrorReadLine();
        try
        {
            sample.Address = await sample._address.Task.WaitAsync(Wait.Patience);
            return sample;
        }
        catch (Exception e)
        {
            await sample.DisposeAsync();
            throw new InvalidOperationException($"The application did not start. Its log:{Environment.NewLine}{sample.Log}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_log) _log.AppendLine(line);
        if (Listening().Match(line) is { Success: true } match) _address.TrySetResult(new(match.Groups[1].Value));
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
