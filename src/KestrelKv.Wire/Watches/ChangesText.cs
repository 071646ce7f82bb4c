using System.Text.Json;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Gathers changes of the feed, and writes them as the response object of WATCH.</summary>
/// <remarks>Not for use by two threads at once.</remarks>
/// <param name="budget">Counts what is gathered; null for no count.</param>
public sealed class ChangesText(ByteBudget? budget = null) : IChangeSink, IDisposable
{
    /// <summary>How many bytes of changes are gathered before the feed is asked to stop; a commit is never cut in two.</summary>
    internal const int BytesMax = 64 * 1024;

    private static readonly byte[][] Kinds =
        [.. Enum.GetNames<ChangeKind>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Select(System.Text.Encoding.UTF8.GetBytes)];

    private readonly TextBuffer _text = new(budget);
    private bool _values;

    /// <summary>How many changes were gathered.</summary>
    public int Count { get; private set; }

    /// <summary>The changes as JSON text, with commas between them.</summary>
    internal TextBuffer Text => _text;

    /// <summary>What comes behind the changes.</summary>
    internal static ReadOnlySpan<byte> Tail => "]}"u8;

    /// <summary>Forgets what was gathered.</summary>
    /// <param name="values">Whether the values of puts are told from now on.</param>
    public void Begin(bool values)
    {
        _text.Clear();
        _values = values;
        Count = 0;
    }

    /// <inheritdoc/>
    public bool OnChange(in ChangeView change)
    {
        if (Count++ > 0) _text.Write(", "u8);
        _text.WriteMember("{\"version\": "u8, change.Version);
        _text.Write(", \"kind\": \""u8);
        _text.Write(Kinds[(int)change.Kind]);
        _text.Write("\", \"obj\": "u8);
        _text.WriteString(change.Key);
        if (_values && change.Kind == ChangeKind.Put)
        {
            _text.Write(", \"val\": "u8);
            _text.Write(change.Value);
        }
        if (change.Kind is ChangeKind.Put or ChangeKind.SetExpiry)
        {
            _text.Write(", \"expires_at\": "u8);
            _text.WriteTime(change.ExpiresAt);
        }
        _text.Write("}"u8);
        return _text.Length < BytesMax;
    }

    /// <summary><c>{"version": V, "changes": [CHANGE, ...]}</c>, of a feed that needs no number.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="version">The position of the feed: up to here everything has been told.</param>
    public void Write(TextBuffer text, long version)
    {
        WriteHead(text, watch: null, version);
        text.Write(_text);
        text.Write(Tail);
    }

    /// <summary>The same without changes: only how far the feed has come. What was gathered stays so.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="version">The position of the feed.</param>
    public static void WriteBookmark(TextBuffer text, long version)
    {
        WriteHead(text, watch: null, version);
        text.Write(Tail);
    }

    /// <inheritdoc/>
    public void Dispose() => _text.Dispose();

    /// <summary><c>{["watch": N, ]"version": V, "changes": [</c>, what comes before the changes.</summary>
    internal static void WriteHead(TextBuffer text, long? watch, long version)
    {
        text.Write("{"u8);
        if (watch is { } number)
        {
            text.WriteMember("\"watch\": "u8, number);
            text.Write(", "u8);
        }
        text.WriteMember("\"version\": "u8, version);
        text.Write(", \"changes\": ["u8);
    }
}
