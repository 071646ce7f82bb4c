using System.Text.Json;
using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Gathers changes of the feed as text.</summary>
/// <remarks>Must not be used by two threads at once.</remarks>
internal sealed class ChangesText(bool values, ByteBudget? budget) : IChangeSink, IDisposable
{
    /// <summary>The text size, in bytes, at which the feed stops. A commit is never split.</summary>
    public const int BytesMax = 64 * 1024;

    private static readonly byte[][] Kinds =
        [.. Enum.GetNames<ChangeKind>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).Select(System.Text.Encoding.UTF8.GetBytes)];

    private readonly TextBuffer _text = new(budget);

    public int Count { get; private set; }

    /// <summary>The changes as JSON text, separated by commas.</summary>
    public TextBuffer Text => _text;

    /// <summary>Discards the text and releases its memory.</summary>
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
