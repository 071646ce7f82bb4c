using System.Buffers.Binary;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>A step of the log that is no commit: the next commit's version is one more than the jump's.</summary>
/// <param name="Version">The jump's own version, above every version that may have been shown. The frame's number.</param>
/// <param name="After">
/// The version of the last commit before the jump. A position up to here stays valid and continues behind the jump. Where nothing
/// before the jump can be continued, as after a restore, this is <paramref name="Version"/> itself.
/// </param>
internal readonly record struct VersionJump(long Version, long After)
{
    public const int PayloadBytes = sizeof(long);

    /// <summary>The length of its frame.</summary>
    public static readonly int FrameBytes = Frame.BytesFor(PayloadBytes);

    /// <summary>A jump that ends all history before it.</summary>
    public static VersionJump WithoutPast(long version) => new(version, version);

    public static VersionJump Read(FrameHeader frame, ReadOnlySpan<byte> payload) =>
        new(frame.Number, payload.Length == PayloadBytes ? BinaryPrimitives.ReadInt64LittleEndian(payload) : long.MaxValue);

    /// <summary>Whether it may come next in a log whose last version is <paramref name="last"/>.</summary>
    public bool CanFollow(long last) => Version > last && (After == last || After == Version);

    /// <summary>Whether a position lies between what the jump continues and the jump: it may belong to commits that were lost.</summary>
    public bool Skips(long position) => position < Version && (position > After || After == Version);

    /// <summary>Writes the sealed frame to a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">Where the frame begins.</param>
    /// <param name="seed">The checksum of the file's header.</param>
    /// <param name="previous">The checksum of the frame before, or of the header.</param>
    /// <returns>The frame's checksum.</returns>
    public uint Write(IDiskFile file, long offset, uint seed, uint previous)
    {
        Span<byte> frame = stackalloc byte[FrameBytes];
        Frame.Begin(frame, FrameKind.VersionJump, PayloadBytes, Version);
        BinaryPrimitives.WriteInt64LittleEndian(frame[Frame.HeaderBytes..], After);
        uint checksum = Frame.Seal(frame, seed, previous);
        file.Write(frame, offset);
        return checksum;
    }
}
