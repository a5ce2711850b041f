"""Metadata XML of a CZI with a whole instrument. Nothing here is a test."""

INSTRUMENT_XML = """<ImageDocument><Metadata><Experiment><SampleHolder><Template Name="Multichamber 96">
<ShapeColumns>12</ShapeColumns><ShapeRows>8</ShapeRows></Template>
<TileRegion><Z>111.5</Z><TemplateShapeId>4-6</TemplateShapeId></TileRegion></SampleHolder></Experiment>
<Information>
<User><FirstName>Ada</FirstName><LastName>L</LastName></User>
<Document><UserName>ada</UserName><Description>a plate</Description></Document>
<Image><ComponentBitCount>14</ComponentBitCount>
<ImagingEnvironment><Temperature>37</Temperature><CO2Percent>5</CO2Percent></ImagingEnvironment>
<ObjectiveSettings><Medium>Silicone</Medium><RefractiveIndex>1.4</RefractiveIndex>
<ObjectiveRef Id="Objective:2"/></ObjectiveSettings>
<MicroscopeRef Id="Microscope:1"/>
<Dimensions><S><Scenes><Scene Index="0" Name="D6"><CenterPosition>10.5,-20</CenterPosition>
<Shape Name="D6" Id="4-6"><ColumnIndex>6</ColumnIndex><RowIndex>4</RowIndex></Shape></Scene></Scenes></S>
<Channels><Channel Id="Channel:0" Name="GFP"><AcquisitionMode>LaserScanningConfocalMicroscopy</AcquisitionMode>
<IlluminationType>Epifluorescence</IlluminationType><ContrastMethod>Fluorescence</ContrastMethod>
<PinholeSize>27.5</PinholeSize>
<DetectorSettings><Binning>2,2</Binning><Gain>684</Gain><Offset>3</Offset><Voltage>700</Voltage>
<Detector Id="Detector:Axio 506"/></DetectorSettings>
<LightSourcesSettings><LightSourceSettings><Attenuation>0.98</Attenuation><Wavelength>488</Wavelength>
<LightSource Id="LightSource:1"/></LightSourceSettings></LightSourcesSettings>
<LaserScanInfo><ZoomX>1.8</ZoomX><Averaging>4</Averaging>
<MainBeamSplitterVis>Beamsplitter.2</MainBeamSplitterVis></LaserScanInfo>
<FilterSetRef Id="FilterSet:1"/></Channel></Channels></Dimensions></Image>
<Instrument><Microscopes><Microscope Id="Microscope:1" Name="Celldiscoverer 7"><Type>Inverted</Type>
</Microscope></Microscopes>
<LightSources><LightSource Id="LightSource:1" Name="DPSS"><Power>10</Power><LightSourceType><Laser>
<Wavelength>488</Wavelength><Tuneable>false</Tuneable></Laser></LightSourceType></LightSource>
<LightSource Id="LightSource:2" Name="Lamp"><LightSourceType><Filament><Type>Halogen</Type></Filament>
</LightSourceType></LightSource></LightSources>
<Detectors><Detector Id="Detector:Axio 506"><Type>PMT</Type><Gain>1</Gain><Zoom>1</Zoom>
<Manufacturer><Model>506m</Model></Manufacturer></Detector></Detectors>
<Objectives><Objective Id="Objective:1"/><Objective Id="Objective:2" Name="Plan 5x"><LensNA>0.35</LensNA>
<NominalMagnification>5</NominalMagnification><CalibratedMagnification>5.1</CalibratedMagnification>
<WorkingDistance>5000</WorkingDistance><Immersion>Air</Immersion><Correction>PlanApo</Correction>
</Objective></Objectives>
<FilterSets><FilterSet Id="FilterSet:1"><DichroicRef Id="Beamsplitter.2"/><EmissionFilters>
<EmissionFilterRef Id="Filter:1"/><EmissionFilterRef Id="Filter:99"/></EmissionFilters></FilterSet></FilterSets>
<Filters><Filter Id="Filter:1"><TransmittanceRange><CutIn>412</CutIn><CutOut>433</CutOut>
</TransmittanceRange></Filter></Filters>
<Dichroics><Dichroic Id="Beamsplitter.2" Name="MBS 405"/></Dichroics></Instrument>
</Information></Metadata></ImageDocument>"""
