using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace KestrelKv.Protocol;

/// <summary>
/// Writes reply frames. One method a reply, its shape in the comment; the text is what Python's <c>json.dumps</c>
/// makes of it.
/// </summary>
/// <remarks>
/// <para>
/// Small replies are gathered in a block of the output's memory, so that many of them cost one <c>Advance</c>. Large ones, and
/// what follows them before the next flush, are gathered in pieces of this writer's own (<see cref="ReplyPieces"/>), which the
/// output can send without a copy.
/// </para>
/// <para>
/// <see cref="Commit"/> must follow the last reply of a run, before the output is flushed; after the flush the caller sends
/// <see cref="Pieces"/>. Not for use by two threads at once.
/// </para>
/// </remarks>
/// <param name="output">Takes small replies.</param>
/// <param name="budget">Counts the pieces; null for no count.</param>
public sealed class ReplyWriter(IBufferWriter<byte> output, ByteBudget? budget = null)
{
    /// <summary>A value of more bytes than this goes to pieces.</summary>
    public const int SmallBytesMax = TextBuffer.PieceBytes;

    /// <summary>The output gets at most so many bytes and one block between two flushes.</summary>
    public const int OutputBytesMax = 4 * TextBuffer.PieceBytes;

    private const int BlockBytes = 4_096;

    private Memory<byte> _block;
    private int _used;

    // What the output got since the last flush.
    private int _outputBytes;

    /// <summary>Bytes written since the beginning, without those that were retracted.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Resets the counts for the next client. All replies must have been committed, and the pieces released.</summary>
    public void Clear() => BytesWritten = _outputBytes = 0;

    /// <summary>What follows the output's bytes.</summary>
    public ReplyPieces Pieces { get; } = new(budget);

    /// <summary><c>{"status": "OK", "response": {"func": "PUT", "response": {"obj": KEY, "response": "ok"}}[, "id": ID]}</c></summary>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="idText">The request's id, with its quotes if it has some; empty for none.</param>
    public void WritePut(ReadOnlySpan<byte> keyText, ReadOnlySpan<byte> idText = default)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \"PUT\", \"response\": {\"obj\": "u8;
        WriteFrame(head, keyText, ", \"response\": \"ok\"}}"u8, default, default, idText);
    }

    /// <summary><c>{"status": "OK", "response": {"func": "GET", "response": {"obj": KEY, "val": VALUE}}[, "id": ID]}</c></summary>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="value">The value's text, <c>null</c> for a key that is not there.</param>
    /// <param name="idText">The request's id, with its quotes if it has some; empty for none.</param>
    public void WriteGet(ReadOnlySpan<byte> keyText, ReadOnlySpan<byte> value, ReadOnlySpan<byte> idText = default)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \"GET\", \"response\": {\"obj\": "u8;
        WriteFrame(head, keyText, ", \"val\": "u8, value, "}}"u8, idText);
    }

    /// <summary><c>{"status": "OK", "response": {"func": FUNC, "response": HEAD BODY TAIL}[, "id": ID]}</c></summary>
    /// <remarks>A long body is not copied: its pieces become those of this writer.</remarks>
    /// <param name="function">The function of the request.</param>
    /// <param name="head">The beginning of the response object.</param>
    /// <param name="body">The middle of the response object; empty afterwards if it was long.</param>
    /// <param name="tail">The end of the response object.</param>
    /// <param name="idText">The request's id, with its quotes if it has some; empty for none.</param>
    public void WriteResponse(
        Function function, ReadOnlySpan<byte> head, TextBuffer body, ReadOnlySpan<byte> tail, ReadOnlySpan<byte> idText = default)
    {
        int bodyBytes = body.Length;
        WriteResponseHead(function, checked(head.Length + bodyBytes + tail.Length), idText);
        Write(head);
        if (bodyBytes <= SmallBytesMax) Write(body.Written);
        else
        {
            BeginPieces();
            Pieces.Take(body);
            BytesWritten += bodyBytes;
        }
        Write(tail);
        Write("}"u8);
        WriteEnd(idText);
    }

    /// <summary><c>{"status": "OK", "response": {"func": FUNC, "response": "ERROR - Function doesn't exist"}[, "id": ID]}</c></summary>
    /// <param name="functionText">The function's name as a JSON string, with its quotes.</param>
    /// <param name="idText">The request's id, with its quotes if it has some; empty for none.</param>
    public void WriteUnknownFunction(ReadOnlySpan<byte> functionText, ReadOnlySpan<byte> idText = default)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": "u8;
        ReadOnlySpan<byte> tail = ", \"response\": \"ERROR - Function doesn't exist\"}"u8;
        WriteHeader(head.Length + functionText.Length + tail.Length + EndBytes(idText));
        Write(head);
        Write(functionText);
        Write(tail);
        WriteEnd(idText);
    }

    /// <summary><c>{"status": "ERROR", "error": ERROR[, "id": ID]}</c>, ERROR as <see cref="ErrorText"/> has it.</summary>
    /// <param name="error">The error.</param>
    /// <param name="idText">The request's id, with its quotes if it has some; empty for none.</param>
    public void WriteError(ProtocolError error, ReadOnlySpan<byte> idText = default)
    {
        using var text = new TextBuffer();
        ErrorText.Write(text, error);
        ReadOnlySpan<byte> head = "{\"status\": \"ERROR\", \"error\": "u8;
        WriteHeader(head.Length + text.Length + EndBytes(idText));
        Write(head);
        Write(text.Written);
        WriteEnd(idText);
    }

    /// <summary>An HTTP response that says what this port is: the only thing that is no frame.</summary>
    public void WriteHttp() => Write(HttpText.Response);

    /// <summary>Retracts all that was written after <see cref="BytesWritten"/> was <paramref name="mark"/>.</summary>
    /// <returns>False if the output has some of it already; nothing is retracted then.</returns>
    public bool TryRetract(long mark)
    {
        long surplus = BytesWritten - mark;
        long fromPieces = Math.Min(surplus, Pieces.Bytes);
        if (surplus - fromPieces > _used) return false;
        Pieces.Retract(fromPieces);
        _used -= (int)(surplus - fromPieces);
        BytesWritten = mark;
        return true;
    }

    /// <summary>Hands the output its part of what was written. The caller flushes it, then sends <see cref="Pieces"/>.</summary>
    public void Commit()
    {
        Advance();
        _outputBytes = 0;
    }

    private static ReadOnlySpan<byte> IdHead => ", \"id\": "u8;

    private static int EndBytes(ReadOnlySpan<byte> idText) => idText.IsEmpty ? 1 : IdHead.Length + idText.Length + 1;

    /// <summary>What GET and PUT are answered with: these parts, and then <c>[, "id": ID]}</c>.</summary>
    /// <remarks>
    /// Nearly always the rest of the block has room for all of it, and is looked at once. Inlined, so that the parts whose lengths are
    /// known are copied by a few instructions.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteFrame(
        ReadOnlySpan<byte> head, ReadOnlySpan<byte> key, ReadOnlySpan<byte> middle, ReadOnlySpan<byte> value, ReadOnlySpan<byte> tail,
        ReadOnlySpan<byte> idText)
    {
        int bodyBytes = head.Length + key.Length + middle.Length + value.Length + tail.Length + EndBytes(idText);
        int frameBytes = FrameReader.HeaderBytes + bodyBytes;
        if (frameBytes > _block.Length - _used)
        {
            WriteHeader(bodyBytes);
            Write(head);
            Write(key);
            Write(middle);
            Write(value);
            Write(tail);
            WriteEnd(idText);
            return;
        }

        Span<byte> frame = _block.Span.Slice(_used, frameBytes);
        SetHeader(frame, bodyBytes);
        Span<byte> rest = frame[FrameReader.HeaderBytes..];
        rest = Append(head, rest);
        rest = Append(key, rest);
        rest = Append(middle, rest);
        rest = Append(value, rest);
        rest = Append(tail, rest);
        if (!idText.IsEmpty) rest = Append(idText, Append(IdHead, rest));
        rest[0] = (byte)'}';
        _used += frameBytes;
        BytesWritten += frameBytes;
    }

    /// <summary><c>{"status": "OK", "response": {"func": FUNC, "response": </c>, with the frame's header before it.</summary>
    private void WriteResponseHead(Function function, int responseBytes, ReadOnlySpan<byte> idText)
    {
        ReadOnlySpan<byte> name = Functions.Of(function).Utf8Name;
        ReadOnlySpan<byte> before = "{\"status\": \"OK\", \"response\": {\"func\": \""u8;
        ReadOnlySpan<byte> middle = "\", \"response\": "u8;
        WriteHeader(checked(before.Length + name.Length + middle.Length + responseBytes + "}"u8.Length + EndBytes(idText)));
        Write(before);
        Write(name);
        Write(middle);
    }

    /// <summary>Copies a part, and tells what is left behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Span<byte> Append(ReadOnlySpan<byte> part, Span<byte> to)
    {
        part.CopyTo(to);
        return to[part.Length..];
    }

    /// <summary><c>[, "id": ID]}</c></summary>
    private void WriteEnd(ReadOnlySpan<byte> idText)
    {
        if (!idText.IsEmpty)
        {
            Write(IdHead);
            Write(idText);
        }
        Write("}"u8);
    }

    private void WriteHeader(int bodyBytes)
    {
        Span<byte> header = stackalloc byte[FrameReader.HeaderBytes];
        SetHeader(header, bodyBytes);
        Write(header);
    }

    private static void SetHeader(Span<byte> frame, int bodyBytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, FrameReader.Version);
        BinaryPrimitives.WriteInt32LittleEndian(frame[4..], bodyBytes);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        BytesWritten += bytes.Length;
        while (Pieces.Bytes == 0)
        {
            Span<byte> free = _block.Span[_used..];
            if (bytes.Length <= free.Length)
            {
                bytes.CopyTo(free);
                _used += bytes.Length;
                return;
            }
            if (bytes.Length > SmallBytesMax || _outputBytes >= OutputBytesMax) break;

            bytes[..free.Length].CopyTo(free);
            _used += free.Length;
            bytes = bytes[free.Length..];
            Advance();
            _block = output.GetMemory(BlockBytes);
        }
        BeginPieces();
        Pieces.Write(bytes);
    }

    /// <summary>
    /// From now on all goes to pieces. The output's block has no room any more, but stays as it is until <see cref="Commit"/>, so that
    /// its replies can be retracted.
    /// </summary>
    private void BeginPieces() => _block = _block[.._used];

    private void Advance()
    {
        if (_used > 0) output.Advance(_used);
        _outputBytes += _used;
        _block = default;
        _used = 0;
    }
}
