using KestrelKv.Cli.Hosting;

return await new CommandHost(Terminal.OfProcess()).RunAsync(args);
