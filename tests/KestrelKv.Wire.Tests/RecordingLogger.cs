using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire.Tests;

/// <summary>Records log entries.</summary>
internal sealed class RecordingLogger : ILogger<WireConnectionHandler>
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text, Exception? Exception)> _entries = new();

    public (LogLevel Level, string Text, Exception? Exception)[] Warnings => [.. _entries.Where(entry => entry.Level >= LogLevel.Warning)];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _entries.Enqueue((logLevel, formatter(state, exception), exception));
}
