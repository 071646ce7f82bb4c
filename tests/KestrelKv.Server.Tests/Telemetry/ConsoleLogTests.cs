using System.Collections.Concurrent;
using KestrelKv.Server.Telemetry;
using KestrelKv.Testing;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>A console that is not read blocks only its own thread.</summary>
public sealed class ConsoleLogTests
{
    private const int Beyond = 10;

    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(10);

    [Fact]
    public void Emit_WhileTheConsoleBlocks_DropsLinesBeyondTheQueueAndReportsThem()
    {
        using var console = new Console();
        using var log = new ConsoleLog(console, Wait.Patience);
        EmitUntilFull(log, console);
        for (int i = 0; i < Beyond; i++) log.Emit(Event("dropped"));
        Assert.Equal(Beyond, log.Dropped);

        console.Unblock();
        log.Dispose();
        Assert.Equal($"{Beyond} log lines were dropped because standard output was not read", console.Lines.Last());
        Assert.Equal(1 + ConsoleLog.QueuedMax + 1, console.Lines.Count);
    }

    [Fact]
    public void Dispose_WhileTheConsoleBlocks_EndsInTime()
    {
        using var console = new Console();
        var log = new ConsoleLog(console, Short);
        EmitUntilFull(log, console);
        log.Dispose();
        log.Emit(Event("after the end"));
        Assert.Empty(console.Lines);
        Assert.Equal(1, log.Dropped);
    }

    [Fact]
    public void Emit_OnAConsoleThatFails_CountsTheLineAndContinues()
    {
        using var console = new Console { Failures = 1 };
        console.Unblock();
        using var log = new ConsoleLog(console, Wait.Patience);
        log.Emit(Event("fails"));
        log.Emit(Event("is written"));
        log.Dispose();
        Assert.Equal(1, log.Dropped);
        Assert.Equal(["is written", "1 log lines were dropped because standard output was not read"], console.Lines);
    }

    private static void EmitUntilFull(ConsoleLog log, Console console)
    {
        log.Emit(Event("blocks"));
        console.WaitUntilBlocked();
        for (int i = 0; i < ConsoleLog.QueuedMax; i++) log.Emit(Event("waits"));
        Assert.Equal(0, log.Dropped);
    }

    private static LogEvent Event(string text) =>
        new(DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new MessageTemplateParser().Parse(text), []);

    /// <summary>Blocks until <see cref="Unblock"/> is called.</summary>
    private sealed class Console : ILogEventSink, IDisposable
    {
        private readonly ManualResetEventSlim _blocked = new();
        private readonly ManualResetEventSlim _unblocked = new();

        public ConcurrentQueue<string> Lines { get; } = [];

        public int Failures { get; set; }

        public void Emit(LogEvent logEvent)
        {
            _blocked.Set();
            _unblocked.Wait();
            if (Failures-- > 0) throw new IOException("no terminal");
            Lines.Enqueue(logEvent.RenderMessage());
        }

        public void WaitUntilBlocked() => Assert.True(_blocked.Wait(Wait.Patience));

        public void Unblock() => _unblocked.Set();

        public void Dispose() => _unblocked.Set();
    }
}
