using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace KestrelKv.Protocol;

/// <summary>
/// Writes reply frames, with one method per reply and its format in the comment. White space is as in Python's <c>json.dumps</c>.
/// </summary>
/// <remarks>
/// <para>
/// Small replies are gathered in a block of the output's memory, so that many cost one <c>Advance</c>. Large replies, and all replies
/// between them and the next flush, are gathered in <see cref="Pieces"/>, which the output can send without a copy.
/// </para>
/// <para>
/// The caller must call <see cref="Commit"/> after the last reply, then flush the output, then send <see cref="Pieces"/>. Not
/// thread-safe.
/// </para>
/// </remarks>
/// <param name="output">The output for small replies.</param>
/// <param name="budget">The budget that counts the pieces; null for none.</param>
public sealed class ReplyWriter(IBufferWriter<byte> output, ByteBudget? budget = null)
{
    /// <summary>The maximum length of a value that is written to the output. A longer value is written to pieces.</summary>
    public const int SmallBytesMax = TextBuffer.PieceBytes;

    /// <summary>The maximum number of bytes written to the output between two flushes, plus one block.</summary>
    public const int OutputBytesMax = 4 * TextBuffer.PieceBytes;

    private const int BlockBytes = 4_096;

    private Memory<byte> _block;
    private int _used;

    // The bytes written to the output since the last flush.
    private int _outputBytes;

    /// <summary>The total number of bytes written and not retracted.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Resets the counts for the next client. All replies must be committed, and all pieces released.</summary>
    public void Clear() => BytesWritten = _outputBytes = 0;

    /// <summary>The pieces to send after the output's bytes.</summary>
    public ReplyPieces Pieces { get; } = new(budget);

    /// <summary><c>{"status": "OK", "response": {"func": "PUT", "response": {"obj": KEY, "response": "ok"}}[, "id": ID]}</c></summary>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="idText">The request's id as spelled; empty for none.</param>
    public void WritePut(ReadOnlySpan<byte> keyText, ReadOnlySpan<byte> idText = default)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \"PUT\", \"response\": {\"obj\": "u8;
        WriteFrame(head, keyText, ", \"response\": \"ok\"}}"u8, default, default, idText);
    }

    /// <summary><c>{"status": "OK", "response": {"func": "GET", "response": {"obj": KEY, "val": VALUE}}[, "id": ID]}</c></summary>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="value">The value's text, <c>null</c> for a missing key.</param>
    /// <param name="idText">The request's id as spelled; empty for none.</param>
    public void WriteGet(ReadOnlySpan<byte> keyText, ReadOnlySpan<byte> value, ReadOnlySpan<byte> idText = default)
    {
        ReadOnlySpan<byte> head = "{\"status\": \"OK\", \"response\": {\"func\": \"GET\", \"response\": {\"obj\": "u8;
        WriteFrame(head, keyText, ", \"val\": "u8, value, "}}"u8, idText);
    }

    /// <summary><c>{"status": "OK", "response": {"func": FUNC, "response": HEAD BODY TAIL}[, "id": ID]}</c></summary>
    /// <remarks>A long body is not copied: this writer takes ownership of its pieces.</remarks>
    /// <param name="function">The function of the request.</param>
    /// <param name="head">The beginning of the response object.</param>
    /// <param name="body">The middle of the response object; empty afterwards if it was long.</param>
    /// <param name="tail">The end of the response object.</param>
    /// <param name="idText">The request's id as spelled; empty for none.</param>
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
    /// <param name="idText">The request's id as spelled; empty for none.</param>
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

    /// <summary><c>{"status": "ERROR", "error": ERROR[, "id": ID]}</c>, with the ERROR of <see cref="ErrorText"/>.</summary>
    /// <param name="error">The error.</param>
    /// <param name="idText">The request's id as spelled; empty for none.</param>
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

    /// <summary>Writes an HTTP response that describes the wire port. It is the only reply that is not a frame.</summary>
    public void WriteHttp() => Write(HttpText.Response);

    /// <summary>Retracts all bytes written since <see cref="BytesWritten"/> was <paramref name="mark"/>.</summary>
    /// <returns>False if the output already has some of the bytes; nothing is retracted.</returns>
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

    /// <summary>Commits the written bytes to the output. The caller must flush the output, then send <see cref="Pieces"/>.</summary>
    public void Commit()
    {
        Advance();
        _outputBytes = 0;
    }

    private static ReadOnlySpan<byte> IdHead => ", \"id\": "u8;

    private static int EndBytes(ReadOnlySpan<byte> idText) => idText.IsEmpty ? 1 : IdHead.Length + idText.Length + 1;

    /// <summary>Writes the reply to GET or PUT: the parts, then <c>[, "id": ID]}</c>.</summary>
    /// <remarks>
    /// The frame nearly always fits in the block, which takes one check. Inlined, so that parts of constant length are copied by a few
    /// instructions.
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

    /// <summary>The frame's header and <c>{"status": "OK", "response": {"func": FUNC, "response": </c>.</summary>
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

    /// <summary>Copies a part and returns the span after it.</summary>
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
    /// Directs all further bytes to pieces. The output's block keeps its replies until <see cref="Commit"/>, so that they can be
    /// retracted.
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
