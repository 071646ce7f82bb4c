using System.Text;

namespace KestrelKv.Cli.KeyStats;

/// <summary>The group at one depth that the scan is in. The object is used again for the next group.</summary>
internal sealed class OpenGroup
{
    private byte[] _prefix = new byte[64];
    private int _prefixBytes;

    public Tally Total;

    /// <summary>The keys without a further delimiter.</summary>
    public Tally Direct;

    /// <summary>The number of groups inside.</summary>
    public long Groups;

    public bool IsOpen { get; private set; }

    public bool Contains(ReadOnlySpan<byte> prefix) => IsOpen && _prefix.AsSpan(0, _prefixBytes).SequenceEqual(prefix);

    public void Open(ReadOnlySpan<byte> prefix)
    {
        if (_prefix.Length < prefix.Length) _prefix = new byte[prefix.Length * 2];
        prefix.CopyTo(_prefix);
        _prefixBytes = prefix.Length;
        (Total, Direct, Groups, IsOpen) = (default, default, 0, true);
    }

    public void Close() => IsOpen = false;

    public PrefixGroup ToGroup(int depth, OpenGroup? parent) => new(Text, parent?.Text ?? "", depth, Total, Direct, Groups);

    private string Text => Encoding.UTF8.GetString(_prefix, 0, _prefixBytes);
}
