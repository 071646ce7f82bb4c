using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Writes the log to the console on a dedicated thread. If standard output is not read, only that thread blocks.
/// Events wait in a bounded queue; if the queue is full, events are dropped and counted.
/// </summary>
internal sealed class ConsoleLog : ILogEventSink, IDisposable
{
    /// <summary>The maximum number of queued events.</summary>
    public const int QueuedMax = 4_096;

    private static readonly MessageTemplate DroppedTemplate =
        new MessageTemplateParser().Parse("{Count} log lines were dropped because standard output was not read");

    private readonly BlockingCollection<LogEvent> _queue = new(QueuedMax);
    private readonly ILogEventSink _console;
    private readonly TimeSpan _endTime;
    private readonly Thread _thread;
    private long _dropped;

    /// <param name="console">The sink that writes, and may block.</param>
    /// <param name="endTime">The maximum time that <see cref="Dispose"/> waits for queued events to be written.</param>
    public ConsoleLog(ILogEventSink console, TimeSpan endTime)
    {
        _console = console;
        _endTime = endTime;
        _thread = new(WriteAll) { Name = "console log", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The number of dropped events.</summary>
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
            // The log is closed, and the calling thread outlives the host.
        }
        Interlocked.Increment(ref _dropped);
    }

    /// <summary>Waits until all queued events are written or the time limit expires.</summary>
    public void Dispose()
    {
        // Both the logger and the container dispose of this instance.
        if (_queue.IsAddingCompleted) return;
        _queue.CompleteAdding();
        _thread.Join(_endTime);
    }

    private void WriteAll()
    {
        long reported = 0;
        foreach (LogEvent logEvent in _queue.GetConsumingEnumerable())
        {
            // An empty queue shows that the console accepts output again, so dropped events can be reported.
            if (TryWrite(logEvent) && _queue.Count == 0 && Dropped - reported is var count and > 0 && TryWrite(OfDropped(count)))
                reported += count;
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
            // A closed terminal (EIO) or a full disk under a redirected file must not end the process.
            Interlocked.Increment(ref _dropped);
            return false;
        }
    }

    private static LogEvent OfDropped(long count) =>
        new(DateTimeOffset.Now, LogEventLevel.Warning, exception: null, DroppedTemplate, [new("Count", new ScalarValue(count))]);
}
