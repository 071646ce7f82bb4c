using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>What <see cref="FrameScanner"/> finds at a place in a file.</summary>
internal enum Scan
{
    /// <summary>A frame that is whole.</summary>
    Frame,

    /// <summary>The end: of the file, or of what was written to it, where zeros begin.</summary>
    End,

    /// <summary>Neither.</summary>
    Broken,
}

/// <summary>Reads a file's frames one by one, and checks each.</summary>
internal sealed class FrameScanner
{
    private const int ReadBytes = 1024 * 1024;
    private const int Alignment = 8;

    private readonly IDiskFile _file;
    private readonly uint _seed;
    private readonly long _fileBytes;
    private byte[] _buffer;
    private long _bufferOffset;
    private int _buffered;

    /// <param name="file">The file.</param>
    /// <param name="seed">The checksum of its header.</param>
    /// <param name="buffer">What to read into, as long as no frame is longer; null for one of its own.</param>
    public FrameScanner(IDiskFile file, uint seed, byte[]? buffer = null)
    {
        _file = file;
        _seed = Previous = seed;
        _fileBytes = file.Length;
        _buffer = buffer ?? GC.AllocateUninitializedArray<byte>((int)Math.Min(ReadBytes, _fileBytes));
    }

    /// <summary>Where the next frame begins.</summary>
    public long Offset { get; private set; } = FileHeader.Bytes;

    /// <summary>The checksum of the frame before it, or of the file's header.</summary>
    public uint Previous { get; private set; }

    /// <summary>Why what was found is <see cref="Scan.Broken"/>.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Goes on where another one has come to.</summary>
    public void GoOnFrom(long offset, uint previous) => (Offset, Previous) = (offset, previous);

    /// <summary>Reads the next frame, and goes on behind it if there is one.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="payload">Its payload, valid until the next call.</param>
    public Scan Next(out FrameHeader header, out ReadOnlySpan<byte> payload)
    {
        Scan scan = At(Offset, out header, out ReadOnlySpan<byte> frame);
        payload = default;
        if (scan != Scan.Frame) return scan;
        if (header.Previous != Previous)
        {
            Reason = "the frame does not follow the one before it";
            return Scan.Broken;
        }
        payload = frame.Slice(Frame.HeaderBytes, header.PayloadBytes);
        Offset += frame.Length;
        Previous = header.Checksum;
        return Scan.Frame;
    }

    /// <summary>
    /// Looks, from where it stands on, for a mark that proves that what is there had been synced: so it is no tail that was
    /// being written when the server was stopped, but damage.
    /// </summary>
    /// <returns>Its offset; -1 where there is none.</returns>
    public long FindProofOfDamage()
    {
        for (long at = Offset; at + Frame.HeaderBytes <= _fileBytes; at += Alignment)
        {
            FrameHeader header = Frame.ReadHeader(Read(at, Frame.HeaderBytes));
            if (header is { Kind: FrameKind.Mark, PayloadBytes: 0 } && header.Number > Offset && At(at, out _, out _) == Scan.Frame) return at;
        }
        return -1;
    }

    /// <summary>Goes on at the next place where a whole frame begins, whatever it followed when it was written.</summary>
    /// <returns>False where there is none.</returns>
    public bool SkipToNextFrame()
    {
        for (long at = Offset + Alignment; at + Frame.HeaderBytes <= _fileBytes; at += Alignment)
        {
            if (At(at, out FrameHeader header, out _) != Scan.Frame) continue;
            Offset = at;
            Previous = header.Previous;
            return true;
        }
        return false;
    }

    /// <summary>Whether nothing but zeros comes, from where it stands on.</summary>
    public bool IsZeroToTheEnd()
    {
        for (long at = Offset; at < _fileBytes; at += ReadBytes)
            if (Read(at, (int)Math.Min(ReadBytes, _fileBytes - at)).ContainsAnyExcept((byte)0)) return false;
        return true;
    }

    private Scan At(long offset, out FrameHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = default;
        if (offset == _fileBytes) return Scan.End;
        if (offset + Frame.HeaderBytes > _fileBytes) return Broken("the file ends inside a frame");
        header = Frame.ReadHeader(Read(offset, Frame.HeaderBytes));
        if (header.IsZero) return Scan.End;
        if (!header.IsPlausible) return Broken("there is no frame");
        if (offset + header.FrameBytes > _fileBytes) return Broken("the file ends inside a frame");
        frame = Read(offset, header.FrameBytes);
        return Frame.ChecksumOf(frame, _seed) == header.Checksum ? Scan.Frame : Broken("the checksum of the frame does not match");
    }

    private Scan Broken(string reason)
    {
        Reason = reason;
        return Scan.Broken;
    }

    private ReadOnlySpan<byte> Read(long offset, int bytes)
    {
        if (offset < _bufferOffset || offset + bytes > _bufferOffset + _buffered)
        {
            if (bytes > _buffer.Length) _buffer = GC.AllocateUninitializedArray<byte>(bytes);
            _buffered = _file.Read(_buffer.AsSpan(0, (int)Math.Min(_buffer.Length, _fileBytes - offset)), offset);
            _bufferOffset = offset;
            if (_buffered < bytes) throw new IOException($"the file has become shorter than the {_fileBytes} bytes that it had");
        }
        return _buffer.AsSpan((int)(offset - _bufferOffset), bytes);
    }
}
