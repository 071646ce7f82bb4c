namespace KestrelKv.Transport;

/// <summary>A file that an <see cref="EventLoop"/> watches.</summary>
internal interface ILoopFile
{
    /// <summary>The file descriptor.</summary>
    int File { get; }

    /// <summary>Handles events on the loop's thread. They may belong to an earlier file with the same descriptor.</summary>
    void OnEvents(uint events);
}
