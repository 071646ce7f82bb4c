using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Writes the log to the console on a thread of its own. If nobody reads standard output, only that thread blocks:
/// events wait in a bounded queue, and events beyond it are dropped and counted.
/// </summary>
internal sealed class ConsoleLog : ILogEventSink, IDisposable
{
    /// <summary>Events that may wait to be written.</summary>
    public const int QueuedMax = 4_096;

    private static readonly MessageTemplate DroppedTemplate =
        new MessageTemplateParser().Parse("{Count} log lines were dropped, as standard output was not read");

    private readonly BlockingCollection<LogEvent> _queue = new(QueuedMax);
    private readonly ILogEventSink _console;
    private readonly TimeSpan _endTime;
    private readonly Thread _thread;
    private long _dropped;

    /// <param name="console">The sink that writes, and may block.</param>
    /// <param name="endTime">How long <see cref="Dispose"/> waits for queued events to be written.</param>
    public ConsoleLog(ILogEventSink console, TimeSpan endTime)
    {
        _console = console;
        _endTime = endTime;
        _thread = new(WriteAll) { Name = "console log", IsBackground = true };
        _thread.Start();
    }

    /// <summary>How many events were dropped.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Queues an event; never blocks.</summary>
    public void Emit(LogEvent logEvent)
    {
        try
        {
            if (_queue.TryAdd(logEvent)) return;
        }
        catch (InvalidOperationException)
        {
            // The log is closed: this thread outlives the host.
        }
        Interlocked.Increment(ref _dropped);
    }

    /// <summary>Waits until all events are written, unless standard output blocks for longer than the time for it.</summary>
    public void Dispose()
    {
        // The logger and the container both dispose of it.
        if (_queue.IsAddingCompleted) return;
        _queue.CompleteAdding();
        _thread.Join(_endTime);
    }

    private void WriteAll()
    {
        long reported = 0;
        foreach (LogEvent logEvent in _queue.GetConsumingEnumerable())
        {
            // Once the queue is empty, the console has room again.
            if (TryWrite(logEvent) && _queue.Count == 0 && Dropped - reported is var count and > 0 && TryWrite(OfDropped(count))) reported += count;
        }
    }

    private bool TryWrite(LogEvent logEvent)
    {
        try
        {
            _console.Emit(logEvent);
            return true;
        }
        catch (Exception)
        {
            // The terminal has gone (EIO), the disk of a redirected file is full: no line of the log may end the process.
            Interlocked.Increment(ref _dropped);
            return false;
        }
    }

    private static LogEvent OfDropped(long count) =>
        new(DateTimeOffset.Now, LogEventLevel.Warning, exception: null, DroppedTemplate, [new("Count", new ScalarValue(count))]);
}
