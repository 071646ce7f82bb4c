using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>A logger that records the messages, and the texts of exceptions.</summary>
internal sealed class RecordingLogger : ILogger
{
    private readonly ConcurrentQueue<(int Id, string Text)> _events = new();

    public string All => string.Join('\n', _events.Select(logged => logged.Text));

    public string[] Of(int id) => [.. _events.Where(logged => logged.Id == id).Select(logged => logged.Text)];

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _events.Enqueue((eventId.Id, $"{formatter(state, exception)} {exception}".Trim()));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
