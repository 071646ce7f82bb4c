using System.Text.Json;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Gathers changes of the feed as text.</summary>
/// <remarks>Not for use by two threads at once.</remarks>
/// <param name="values">Whether the values of puts are shown.</param>
/// <param name="budget">Counts what is gathered; null for no count.</param>
internal sealed class ChangesText(bool values, ByteBudget? budget) : IChangeSink, IDisposable
{
    /// <summary>How many bytes of changes are gathered before the feed is asked to stop; a commit is never cut in two.</summary>
    public const int BytesMax = 64 * 1024;

    private static readonly byte[][] Kinds =
        [.. Enum.GetNames<ChangeKind>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Select(System.Text.Encoding.UTF8.GetBytes)];

    private readonly TextBuffer _text = new(budget);

    /// <summary>How many changes were gathered.</summary>
    public int Count { get; private set; }

    /// <summary>The changes as JSON text, with commas between them.</summary>
    public TextBuffer Text => _text;

    /// <summary>Forgets what was gathered, and holds no memory any more.</summary>
    public void Clear()
    {
        _text.Clear();
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
        if (values && change.Kind == ChangeKind.Put)
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

    /// <inheritdoc/>
    public void Dispose() => _text.Dispose();
}
